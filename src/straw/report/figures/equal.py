"""What widens the straw: conditions with one reward, after equally many episodes, against what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.figures.scaling import absent
from straw.report.study.analysis import Study
from straw.report.study.cells import Cell
from straw.report.study.equal import Equal, bits_at, cpu_s, equals_of, is_told, name_in
from straw.report.study.formatting import NONE, WORK_HEADER, estimate, middle, solved, three, work_of
from straw.report.study.statistics.chance import same_pace
from straw.report.study.statistics.intervals import Interval
from straw.report.study.totals import efficiency

ROOM = 0.5  # of a bit, below the lowest median
READ = (
    "Median bits known after equally many episodes, with 95% intervals from six runs on, against the CPU time of a "
    "run. Higher widens the straw, further left costs less. A learner that is told the formula of the reward competes "
    "with nobody."
)


def equal_figure(study: Study) -> Figure:
    base = Figure(name="equal", title="On equal episodes", says=READ)
    found = list(equals_of(study.with_bits))
    if not found:
        return absent(base, "No two conditions here share a reward and an N, so there is nothing to compare.")
    panels = [drawn for equal in found if (drawn := panel(study, equal)).marks]
    why = "" if panels else "These runs did not write down what they cost: the tables have the rest."
    tables = [table(study, equal) for equal in found]
    return Figure(name=base.name, title=base.title, says=READ, panels=panels, tables=tables, absent=why)


def panel(study: Study, equal: Equal) -> Panel:
    marks = [mark for cell in equal.ranked if (mark := point(study, equal, cell)) is not None]
    ceiling = max(cell.ceiling_bits or 0.0 for cell in equal.cells)
    costs = [mark.x[0] for mark in marks]
    return Panel(
        title=f"{equal.reward}, N = {equal.N:,}, {equal.episodes:,.0f} episodes", x_title="CPU-seconds a run",
        y_title="bits known", marks=marks, log_x=True, ceiling=ceiling,
        floor=min([0.0, *(mark.y[0] - ROOM for mark in marks)]), ticks=round_numbers(costs) if costs else (),
    )  # fmt: skip


def round_numbers(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, ... from below the smallest to above the largest."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    steps = [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]
    inside = [step for step in steps if 0.8 * min(values) <= step <= 1.25 * max(values)]
    return inside or [steps[0]]


def point(study: Study, equal: Equal, cell: Cell) -> Mark | None:
    spent, bits = cpu_s(cell), bits_at(cell, equal.episodes)
    if spent is None:
        return None
    low, high = ends(bits.interval)
    return Mark(
        label=name_in(cell, equal), x=[spent], y=[bits.value], look="points", colour=study.colour(cell.series),
        low=low, high=high, notes=[f"{estimate(bits)} bits, {three(spent)} CPU-seconds"],
    )  # fmt: skip


def ends(interval: Interval | None) -> tuple[list[float], list[float]]:
    """A range of a few runs is no interval, and is not drawn as one."""
    return ([], []) if interval is None or interval.is_range else ([interval.low], [interval.high])


def table(study: Study, equal: Equal) -> Table:
    best = equal.ranked[0]
    first = study.times[best.label]["known"]
    rows = []
    for cell in equal.ranked:
        known, spent = study.times[cell.label]["known"], cpu_s(cell)
        p = same_pace(first, known) if cell is not best else None
        median = study.medians[cell.label].get("known")
        rows.append(
            (
                name_in(cell, equal) + (" (told the formula)" if is_told(cell) else ""), f"{cell.num_secrets}",
                estimate(bits_at(cell, equal.episodes)), solved(median), middle(median),
                estimate(efficiency(cell, "eta_absorb")), *work_of(cell), NONE if spent is None else three(spent),
                NONE if p is None else f"{p:.2g}",
            )
        )  # fmt: skip
    header = (
        "condition", "secrets", f"bits after {equal.episodes:,.0f} episodes", "got to 0.9 of the bits",
        "episodes to 0.9 of the bits", "absorbed of what was received", *WORK_HEADER, "CPU-seconds a run", "p",
    )  # fmt: skip
    caption = (
        f"{equal.reward}, N = {equal.N:,}; p of a log-rank permutation test against {name_in(best, equal)!r} alone; "
        "absorbed: in sum, and by single runs"
    )
    return Table(caption=caption, header=header, rows=rows)
