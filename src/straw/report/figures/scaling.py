"""Episodes against N: to the bits, to the first hit, and from hit to bits, each with the law that fits best."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.figures.drawing.medians import Point, median_marks
from straw.report.study.analysis import FAIR, Study
from straw.report.study.cells import Cell
from straw.report.study.formatting import ENDS, counted, middle, solved, three, within
from straw.report.study.statistics.fits import LINEAR, LOG, POWER, Scaling
from straw.report.study.statistics.times import WHAT

TITLES = {
    "known": "Episodes to 0.9 of the bits",
    "sure": "Episodes to p(S) > 0.9",
    "found": "Discovery: episodes to the first hit",
    "settled": "Consolidation: from the hit to 0.9 of the bits",
}
READ = (
    "Medians over runs, with 95% intervals from six on; a triangle stands where half of the runs had not got there, "
    "at the longest that any was watched. Lines: of a N + b, a N^β and a log2 N the one with the lowest AIC, fitted "
    "to every run, censored ones too. Circles without filling: the median of an ideal observer that guesses in "
    "groups. Rewards stand beside each other at the same N."
)


def scaling_figure(study: Study) -> Figure:
    base = Figure(name="scaling", title="Episodes against N", says=READ, can_switch_y=True)
    sized = {series: cells for series, cells in study.series.items() if len({c.N for c in cells if c.N}) > 1}
    if not sized:
        return absent(base, "All runs here have the same N, so nothing can be said about how episodes grow with it.")
    panels = [panel for what in WHAT if (panel := scaling_panel(study, sized, what)) is not None]
    if not panels:
        return absent(base, "No run here has come to a hit or to 0.9 of its bits.")
    return Figure(
        name=base.name, title=base.title, says=READ, panels=panels, can_switch_y=True,
        tables=[medians_table(study, sized), fits_table(study)],
    )  # fmt: skip


def absent(figure: Figure, why: str) -> Figure:
    return Figure(name=figure.name, title=figure.title, says=figure.says, absent=why)


def scaling_panel(study: Study, sized: dict[str, list[Cell]], what: str) -> Panel | None:
    aside = beside(len(sized))
    marks = [
        mark
        for (series, cells), by in zip(sized.items(), aside, strict=True)
        for mark in series_marks(study, series, cells, what, by)
    ]
    if not any(mark.look == "points" for mark in marks):
        return None
    return Panel(
        title=TITLES[what], x_title="N", y_title="episodes", marks=marks, log_x=True, log_y=True, ticks=study.sizes
    )


def beside(count: int) -> list[float]:
    """Factors on N that keep points of equal N apart."""
    return [1.05 ** (place - (count - 1) / 2) for place in range(count)]


def series_marks(study: Study, series: str, cells: list[Cell], what: str, by: float) -> Iterator[Mark]:
    colour = study.colour(series)
    points = [
        Point((cell.N or 0) * by, median, f"N = {cell.N:,}: {middle(median)}, {solved(median)} runs")
        for cell in cells
        if (median := study.medians[cell.label].get(what)) is not None
    ]
    yield from median_marks(points, series, "points", colour)
    if (scaling := study.scalings.get(series, {}).get(what)) is not None:
        yield fit_mark(scaling, series, colour)
    if what == "known":
        yield from observer_marks(study, series, cells, colour)


def fit_mark(scaling: Scaling, series: str, colour: int | None) -> Mark:
    best = scaling.fits[0]
    x = np.geomspace(min(scaling.sizes), max(scaling.sizes), 40)
    return Mark(
        label=series, x=x.tolist(), y=[max(1.0, best.at(N)) for N in x], look="fit", colour=colour, in_legend=False,
        notes=[f"{best.law}: {formula(scaling, best.law)}"] * len(x),
    )  # fmt: skip


def formula(scaling: Scaling, law: str) -> str:
    fit = scaling.fit(law)
    if law == LINEAR:
        return f"{three(fit.a)} N {'−' if fit.b < 0 else '+'} {three(abs(fit.b))}"
    return f"{three(fit.a)} N^{fit.b:.2f}" if law == POWER else f"{three(fit.a)} log2 N"


def observer_marks(study: Study, series: str, cells: list[Cell], colour: int | None) -> Iterator[Mark]:
    ideal = [
        (cell.N or 0, to)
        for cell in cells
        if (seen := study.observers.get(cell.label)) is not None and (to := seen.paces[FAIR].to_nine_tenths)
    ]
    if ideal:
        notes = [f"{series}, N = {N:,}: {three(to)}" for N, to in ideal]
        yield Mark(
            label="ideal observer", x=[N for N, _ in ideal], y=[max(1.0, to) for _, to in ideal], look="thin",
            colour=colour, notes=notes, is_shared=True, has_dots=True,
        )  # fmt: skip


# --- tables --------------------------------------------------------------------------------------


def medians_table(study: Study, sized: dict[str, list[Cell]]) -> Table:
    rows = [
        (series, f"{cell.N:,}", f"{cell.num_secrets}", *(part for what in WHAT for part in told(study, cell, what)))
        for series, cells in sized.items()
        for cell in cells
    ]
    header = ("reward", "N", "secrets", *(part for words in WHAT.values() for part in (words, "happened to")))
    return Table(caption=f"Medians of episodes by N, {ENDS}", header=header, rows=rows)


def told(study: Study, cell: Cell, what: str) -> tuple[str, str]:
    median = study.medians[cell.label].get(what)
    return middle(median), solved(median)


def fits_table(study: Study) -> Table:
    rows = [
        (
            series, WHAT[what],
            *(f"{formula(scaling, law)}; {scaling.behind(law):.1f}" for law in (LINEAR, POWER, LOG)),
            scaling.fits[0].law, scaling.errors, f"{scaling.beta:.2f}{within(scaling.exponent, '.2f')}",
            f"{three(scaling.bit)}{within(scaling.per_bit)}",
            f"{counted(scaling.num_runs, 'run')}, {scaling.num_censored} censored",
            f"{min(scaling.secrets)}",
        )
        for series, found in study.scalings.items()
        for what, scaling in found.items()
    ]  # fmt: skip
    header = (
        "reward", "episodes to", "a N + b; AIC above the lowest", "a N^β; AIC above", "a log2 N; AIC above",
        "lowest AIC", "errors", "exponent, without an error law", "episodes a bit of N, median", "fitted to",
        "secrets at each N, at least",
    )  # fmt: skip
    return Table(
        caption="Three laws for the median; censored runs count with their probability of being slower",
        header=header, rows=rows,
    )  # fmt: skip
