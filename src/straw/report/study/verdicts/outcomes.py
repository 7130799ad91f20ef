"""What conditions came to: bits and accuracy at the end, and what controls learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from straw.report.study.analysis import Study
from straw.report.study.cells import Cell
from straw.report.study.formatting import estimate, middle, opening, spread
from straw.report.study.law import law_of_nothing
from straw.report.study.setting import setting
from straw.report.study.totals import median_last
from straw.report.study.verdicts.verdict import FEW, Part, Verdict


def singles(study: Study) -> Iterator[Verdict]:
    """A sentence each, where there are few."""
    cells = [cell for cell in study.with_bits if not cell.is_control]
    if len(cells) > FEW or any(study.scalings.values()):
        return
    for cell in cells:
        bits, known = median_last(cell, "bits_known"), study.medians[cell.label].get("known")
        if bits is None or cell.ceiling_bits is None:
            continue
        episodes = spread([run.episodes for run in cell.runs])
        among = " in the median" if len(cell.runs) > 1 else ""
        when = f"; 0.9 of them after {middle(known)}" if known is not None and known.is_reached else ""
        yield Verdict(
            f"{opening(cell.label)}: {estimate(bits)} of {cell.ceiling_bits:.3g} bits known after {episodes} "
            f"episodes{among}{when} ({setting([cell])}).",
            "bits",
        )


def accuracy(study: Study) -> Iterator[Verdict]:
    for cell in study.with_accuracy:
        measured = [run for run in cell.runs if len(run.column("accuracy").values)]
        start = float(np.median([run.column("accuracy").values[0] for run in measured]))
        end, episodes = median_last(cell, "accuracy"), spread([run.episodes for run in measured])
        among = " in the median" if len(measured) > 1 else ""
        yield Verdict(
            f"{opening(cell.label)}: accuracy on held-out problems from {start:.3f} to {estimate(end)}{among} after "
            f"{episodes} episodes ({setting([cell])}).",
            "accuracy",
        )


def coins(study: Study) -> list[Cell]:
    """Controls that are paid at random: what they know, they cannot have been told."""
    return [cell for cell in study.with_bits if cell.channel == "random"]


def coin(study: Study, cell: Cell, level: float) -> Verdict:
    found = law_of_nothing(cell)
    leaks = found is not None and found.p <= level
    said = "more than a coin can tell" if leaks else "no more than luck makes of a coin"
    return Verdict(f"{known_by(cell)}, {said}.", "controls", leaks)


def controls(study: Study) -> Iterator[Verdict]:
    for cell in study.with_bits:
        if cell.is_control and cell.channel != "random":
            yield Verdict(f"{known_by(cell)}.", "controls")


def known_by(cell: Cell) -> str:
    bits = estimate(median_last(cell, "bits_known"))
    return f"{opening(cell.label)} (control): {bits} bits known at the end ({setting([cell])})"


COINS = Part(coins, coin)
