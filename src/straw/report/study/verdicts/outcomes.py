"""What conditions came to: bits and accuracy at the end, the sums of the ledger, and what controls learned."""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.study.totals import efficiency, law, mean_last
from straw.report.study.verdicts.pace import common_size
from straw.report.study.verdicts.verdict import FEW, Verdict
from straw.report.study.whole import Study
from straw.report.study.words import counted, estimate, listed, middle, opening, spread, three, within


def singles(study: Study) -> Iterator[Verdict]:
    """A sentence each, where there are few."""
    cells = [cell for cell in study.with_bits if not cell.is_control]
    if len(cells) > FEW or any(study.scalings.values()):
        return
    for cell in cells:
        bits, known = mean_last(cell, "bits_known"), study.medians[cell.label].get("known")
        if bits is None or cell.ceiling_bits is None:
            continue
        episodes = spread([run.episodes for run in cell.runs])
        among = f", the mean of {counted(len(cell.runs), 'run')}" if len(cell.runs) > 1 else ""
        when = f"; 0.9 of them after {middle(known)}" if known is not None and known.is_reached else ""
        yield Verdict(
            f"{opening(cell.label)}: {estimate(bits)} of {cell.ceiling_bits:.3g} bits known after {episodes} "
            f"episodes{among}{when}.",
            "bits",
        )


def accuracy(study: Study) -> Iterator[Verdict]:
    for cell in study.with_accuracy:
        measured = [run for run in cell.runs if len(run.column("accuracy").values)]
        start = sum(float(run.column("accuracy").values[0]) for run in measured) / len(measured)
        end = mean_last(cell, "accuracy")
        episodes = spread([run.episodes for run in measured])
        yield Verdict(
            f"{opening(cell.label)}: accuracy on held-out problems from {start:.3f} to {estimate(end)} after "
            f"{episodes} episodes, {counted(len(measured), 'run')}.",
            "accuracy",
        )


def ledger(study: Study) -> Iterator[Verdict]:
    N = common_size(study)
    told = [
        f"{cell.series} {three(absorb.value)}{within(absorb.interval)}"
        for cell in study.of_size(N)
        if not cell.is_control and (absorb := efficiency(cell, "eta_absorb")) is not None
    ]
    if told:
        at = f" at N = {N:,}" if N is not None else ""
        yield Verdict(
            f"Of the bits that an ideal observer would have received{at}, absorbed: {'; '.join(told)}.", "ledger"
        )
    for against in ("offered_bits", "received_bits"):
        held = [(cell, found) for cell in study.cells if (found := law(cell, against)) is not None]
        broken = [cell.label for cell, found in held if found.interval is not None and found.interval.low > 1]
        what = against.removesuffix("_bits")
        if broken:
            yield Verdict(
                f"The law of the ledger does not hold for {listed(broken)}: the mean of 2^(absorbed − {what}) is above "
                "1. Either the secrets were not drawn evenly, or something is charged wrongly.",
                "ledger", True,
            )  # fmt: skip
        elif held and against == "offered_bits":
            most = max(held, key=lambda one: one[1].value)
            yield Verdict(
                f"The law of the ledger, that the mean of 2^(absorbed − offered) over secrets is at most 1, is kept: "
                f"at most {three(most[1].value)}, by {most[0].label}.",
                "ledger",
            )


def controls(study: Study) -> Iterator[Verdict]:
    for cell in study.with_bits:
        if not cell.is_control or (bits := mean_last(cell, "bits_known")) is None:
            continue
        words = f"{opening(cell.label)} (control): {estimate(bits)} bits known at the end"
        if cell.channel != "random":
            yield Verdict(f"{words}.", "controls")
            continue
        if bits.interval is None:
            yield Verdict(f"{words}; from so few runs that may be luck or a leak.", "controls")
            continue
        leaks = bits.interval.low > 0
        found = "more than a coin can tell" if leaks else "no more than a coin tells"
        yield Verdict(f"{words}, {found}.", "controls", leaks)
