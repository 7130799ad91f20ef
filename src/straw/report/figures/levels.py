"""Saturation: episodes to 0.9 of the bits against the number of levels that a reward has."""

from __future__ import annotations

from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.figures.drawing.medians import Point, median_marks
from straw.report.figures.scaling import absent
from straw.report.study.analysis import FAIR, Study
from straw.report.study.cells import Cell, width
from straw.report.study.formatting import NONE, estimate, middle, solved, three
from straw.report.study.statistics.chance import same_pace
from straw.report.study.totals import bits_per_episode
from straw.report.study.verdicts.levels import graded_cells

READ = (
    "Medians, with 95% intervals from six runs on; a triangle where half of the runs had not got there. Right or "
    "wrong has two levels, the distance itself stands at the right. Circles without filling: an ideal observer in "
    "groups."
)


def levels_figure(study: Study) -> Figure:
    base = Figure(name="levels", title="Saturation over levels", says=READ)
    sizes = [N for N in study.sizes if len({width(cell.runs[0]) for cell in graded_cells(study, N)}) > 1]
    if not sizes:
        return absent(base, "No N here has rewards with different numbers of levels.")
    panels = [
        Panel(
            title=f"N = {N:,}", x_title="levels of the reward", y_title="episodes to 0.9 of the bits", log_x=True,
            log_y=True, marks=marks(study, graded_cells(study, N)),
            ticks=sorted({place(cell) for cell in graded_cells(study, N)}),
        )
        for N in sizes
    ]  # fmt: skip
    return Figure(
        name=base.name, title=base.title, says=READ, panels=panels, can_switch_y=True, can_switch_x=False,
        tables=[levels_table(study, N) for N in sizes],
    )  # fmt: skip


def place(cell: Cell) -> float:
    """On the axis: a distance that is not binned has as many levels as there are answers."""
    return float(cell.N or 1) if cell.channel == "log_distance" else width(cell.runs[0])


def marks(study: Study, cells: list[Cell]) -> list[Mark]:
    points = [
        Point(place(cell), median, f"{cell.series}: {middle(median)}, {solved(median)} runs")
        for cell in cells
        if (median := study.medians[cell.label].get("known")) is not None
    ]
    ideal = [
        (place(cell), to)
        for cell in cells
        if (seen := study.observers.get(cell.label)) is not None and (to := seen.paces[FAIR].to_nine_tenths)
    ]
    found = [*median_marks(points, "runs", "joined", None, never="not reached by half")]  # a colour is one reward's
    if ideal:
        found.append(
            Mark(
                label="ideal observer", x=[at for at, _ in ideal], y=[max(1.0, to) for _, to in ideal], look="thin",
                notes=[f"{three(to)} episodes" for _, to in ideal], has_dots=True,
            )
        )  # fmt: skip
    return found


def levels_table(study: Study, N: int) -> Table:
    cells = graded_cells(study, N)
    header = (
        "reward",
        "secrets",
        "got there",
        "episodes to 0.9 of the bits",
        "bits per episode",
        "p against the one above",
    )
    rows = []
    for above, cell in zip((None, *cells), cells, strict=False):
        known = study.times[cell.label]["known"]
        p = same_pace(study.times[above.label]["known"], known) if above is not None else None
        median = study.medians[cell.label].get("known")
        rows.append(
            (
                cell.series, f"{cell.num_secrets}", solved(median), middle(median), estimate(bits_per_episode(cell)),
                NONE if p is None else f"{p:.2g}",
            )
        )  # fmt: skip
    return Table(
        caption=f"Levels at N = {N:,}; p of a log-rank permutation test of this pair alone", header=header, rows=rows
    )
