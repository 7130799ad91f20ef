"""Capacity: episodes to 0.9 of the bits against the number of weights, by how many of them learn."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from straw.report.curves.palette import places
from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.figures.drawing.medians import Point, median_marks
from straw.report.figures.scaling import absent
from straw.report.study.analysis import Study
from straw.report.study.capacity import Capacity, capacities_of, how_of, learner, rank_of, weights_of
from straw.report.study.cells import Cell
from straw.report.study.equal import cpu_s
from straw.report.study.formatting import NONE, middle, solved, three

ASIDE = 1.04  # times, so that intervals of one model stand beside each other
READ = (
    "Medians, with 95% intervals from six runs on, by model and by what of it learns; a triangle where half of the "
    "runs had not got there. The table tells the wait for the first hit, before which right or wrong teaches nothing, "
    "from what follows."
)


def capacity_figure(study: Study) -> Figure:
    base = Figure(name="capacity", title="Capacity", says=READ)
    found = list(capacities_of(study.with_bits))
    if not found:
        return absent(base, "No two conditions here differ in nothing but the model or the rank of its adapters.")
    panels = [drawn for one in found if (drawn := panel(study, one)).marks]
    why = "" if panels else "The names of these models do not tell how many weights they have: see the tables."
    return Figure(
        name=base.name, title=base.title, says=READ, panels=panels, tables=[table(study, one) for one in found],
        absent=why, can_switch_x=False, can_switch_y=True,
    )  # fmt: skip


def panel(study: Study, one: Capacity) -> Panel:
    sized = [cell for cell in one.cells if isfinite(weights_of(cell))]
    ranks = sorted({rank_of(cell) for cell in sized})
    place_of = places(how_of(cell) for rank in ranks for cell in sized if rank_of(cell) == rank)
    return Panel(
        title=f"{one.reward}, N = {one.N:,}", x_title="millions of weights", y_title="episodes to 0.9 of the bits",
        log_x=True, log_y=True, ticks=sorted({millions(cell) for cell in sized}),
        marks=[
            mark
            for place, rank in enumerate(ranks)
            for ours in ([cell for cell in sized if rank_of(cell) == rank],)
            for mark in marks(study, ours, place, len(ranks), place_of[how_of(ours[0])])
        ],
    )  # fmt: skip


def millions(cell: Cell) -> float:
    return weights_of(cell) / 1e6


def marks(study: Study, cells: list[Cell], place: int, count: int, colour: int) -> Iterator[Mark]:
    aside = ASIDE ** (place - (count - 1) / 2)
    points = [
        Point(aside * millions(cell), median, f"{learner(cell)}: {middle(median)}, {solved(median)} runs")
        for cell in cells
        if (median := study.medians[cell.label].get("known")) is not None
    ]
    return median_marks(points, how_of(cells[0]), "joined", colour)


def table(study: Study, one: Capacity) -> Table:
    header = (
        "what learns", "runs", "got there", "episodes to the first hit", "from there to 0.9 of the bits",
        "episodes to 0.9 of the bits", "learning rate", "CPU-seconds a run",
    )  # fmt: skip
    rows = []
    for cell in one.cells:
        medians, spent = study.medians[cell.label], cpu_s(cell)
        rows.append(
            (
                learner(cell), f"{len(cell.runs)}", solved(medians.get("known")), middle(medians.get("found")),
                middle(medians.get("settled")), middle(medians.get("known")), f"{cell.rate:g}",
                NONE if spent is None else three(spent),
            )
        )  # fmt: skip
    return Table(caption=f"What learns {one.reward} at N = {one.N:,}", header=header, rows=rows)
