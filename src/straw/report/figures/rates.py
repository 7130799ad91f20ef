"""How much the learning rate matters: episodes to 0.9 of the bits against it, wherever several were tried."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.figures.scaling import absent
from straw.report.study.analysis import Study
from straw.report.study.formatting import NONE, middle, solved, three
from straw.report.study.rates import Rates, Tried

READ = (
    "Medians over the runs that tried a rate; a triangle where half of them had not got there. A hover says "
    "which was chosen. A flat line is a condition that does not mind."
)


def rates_figure(study: Study) -> Figure:
    base = Figure(name="rates", title="Learning rates", says=READ)
    with_times = [found for found in study.rates if any(one.median is not None for one in found.tried)]
    if not study.rates:
        return absent(base, "Every condition here has runs of one learning rate only, so its influence cannot be seen.")
    sizes = sorted({found.N for found in with_times}, key=lambda N: N or 0)
    panels = [
        Panel(
            title=f"N = {N:,}" if N is not None else "", x_title="learning rate", y_title="episodes to 0.9 of the bits",
            log_x=True, log_y=True, marks=[m for one in with_times if one.N == N for m in rate_marks(study, one)],
            ticks=sorted({one.rate for found in with_times if found.N == N for one in found.tried}),
        )
        for N in sizes
    ]  # fmt: skip
    return Figure(
        name=base.name, title=base.title, says=READ, panels=panels, tables=[rates_table(study)], can_switch_y=True,
        can_switch_x=False, absent="" if panels else "These runs have no bits to know: the table has their accuracy.",
    )  # fmt: skip


def rate_marks(study: Study, found: Rates) -> Iterator[Mark]:
    colour = study.colour(found.series)
    reached = [one for one in found.tried if one.median is not None and one.median.is_reached]
    never = [one for one in found.tried if one.median is not None and not one.median.is_reached]
    if reached:
        yield Mark(
            label=found.series, x=[one.rate for one in reached], y=[max(1.0, value(one)) for one in reached],
            look="joined", colour=colour, notes=[note(one, found) for one in reached],
        )  # fmt: skip
    if never:
        yield Mark(
            label=found.series, x=[one.rate for one in never],
            y=[one.median.longest for one in never if one.median is not None], look="never", colour=colour,
            notes=[note(one, found) for one in never], in_legend=not reached,
        )  # fmt: skip


def value(one: Tried) -> float:
    return one.median.value if one.median is not None and isfinite(one.median.value) else 1.0


def note(one: Tried, found: Rates) -> str:
    chosen = ", chosen" if one.rate == found.chosen else ""
    return f"{found.label}, {one.rate:g}{chosen}: {middle(one.median)}, {solved(one.median)} runs"


def rates_table(study: Study) -> Table:
    rows = [
        (
            found.label, f"{one.rate:g}" + (", chosen" if one.rate == found.chosen else ""), solved(one.median),
            middle(one.median), NONE if one.bits is None else f"{one.bits:.3g}", found.how, near(found),
        )
        for found in study.rates
        for one in found.tried
    ]  # fmt: skip
    header = (
        "condition", "learning rate", "got there", "episodes to 0.9 of the bits", "bits or accuracy at the end, median",
        "chosen on", "within twice the best",
    )  # fmt: skip
    return Table(caption="Learning rates that were tried", header=header, rows=rows)


def near(found: Rates) -> str:
    if found.near_best is None:
        return NONE
    low, high = found.near_best
    return f"{low:g}" if low == high else f"{low:g} to {high:g}, a factor of {three(high / low)}"
