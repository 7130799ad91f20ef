"""From how many levels of a reward on more of them save nothing that can be seen."""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.study.cells import Cell, width
from straw.report.study.survival import same_pace
from straw.report.study.verdicts.verdict import Verdict
from straw.report.study.whole import Study
from straw.report.study.words import middle, opening, spread

UNLIKELY = 0.05


def graded_cells(study: Study, N: int | None) -> list[Cell]:
    """Those with a number of levels: binary, bins, and the distance itself."""
    wanted = ("binary", "binned_log_distance", "log_distance")
    return sorted((cell for cell in study.of_size(N) if cell.channel in wanted), key=lambda c: width(c.runs[0]))


def levels(study: Study) -> Iterator[Verdict]:
    """From how many levels on more of them save nothing that can be seen."""
    for N in study.sizes:
        cells = graded_cells(study, N)
        told = [cell for cell in cells if (one := study.medians[cell.label].get("known")) and one.is_reached]
        if len({width(cell.runs[0]) for cell in cells}) < 3 or len(told) < 2:
            continue
        known = {cell.label: study.times[cell.label]["known"] for cell in told}

        def is_faster(one: Cell, other: Cell) -> bool:
            p = same_pace(known[one.label], known[other.label])  # noqa: B023
            quicker = study.medians[one.label]["known"].value < study.medians[other.label]["known"].value
            return quicker and p is not None and p < UNLIKELY

        enough = next(
            cell for place, cell in enumerate(told) if not any(is_faster(other, cell) for other in told[place + 1 :])
        )
        medians = "; ".join(f"{cell.series} {middle(study.medians[cell.label].get('known'))}" for cell in cells)
        more = told[told.index(enough) + 1 :]
        saved = (
            f"beyond {enough.series}, more levels are not faster than chance would have it "
            f"(log-rank test at 5%, {spread([cell.num_secrets for cell in told])} secrets each)"
            if more
            else f"{enough.series} is the fastest, and faster than each of fewer levels or equal to it"
        )
        yield Verdict(f"Episodes to 0.9 of the bits at N = {N:,}: {medians}. {opening(saved)}.", "levels")
