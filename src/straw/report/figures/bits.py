"""Bits known against episodes, a panel for each N, with the ideal observers; and accuracy for tasks without bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from straw.report.curves.observer import curve_of_pace
from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.study.analysis import FAIR, Study
from straw.report.study.cells import Cell
from straw.report.study.formatting import ENDS, NONE, WORK_HEADER, estimate, middle, solved, three, work_of
from straw.report.study.statistics.bands import Band, band_of
from straw.report.study.totals import bits_per_episode, median_last

READ = (
    "The median of the runs, and a band with the middle half of them (all of them where there are fewer than five). "
    "Thin lines: what an ideal observer would know that guesses in groups of the same size. Dotted: the whole secret."
)


def bits_figure(study: Study) -> Figure:
    panels = [panel for N in study.sizes if (panel := bits_panel(study, N)) is not None]
    absent = "" if panels else "No run here has a secret of which the bits could be measured."
    return Figure(
        name="bits", title="Bits known against episodes", says=READ, panels=panels, absent=absent,
        tables=[conditions_table(study), *curve_tables(study.with_bits, "bits_known", "bits known")] if panels else [],
    )  # fmt: skip


def bits_panel(study: Study, N: int) -> Panel | None:
    cells = study.of_size(N)
    if not cells:
        return None
    until = max(run.episodes for cell in cells for run in cell.runs)
    marks = [mark for cell in cells for mark in cell_marks(study, cell, "bits_known", until)]
    lowest = min((min(mark.y) for mark in marks if len(mark.y)), default=0.0)
    ceiling = max(cell.ceiling_bits or 0.0 for cell in cells)
    return Panel(
        title=f"N = {N:,}", x_title="episodes", y_title="bits known", marks=marks, ceiling=ceiling,
        floor=max(min(0.0, lowest), -ceiling / 2) - 0.03 * ceiling,
    )  # fmt: skip


def cell_marks(study: Study, cell: Cell, name: str, until: float) -> Iterator[Mark]:
    band = band_of(cell.runs, name)
    if band is None:
        return
    yield band_mark(band, cell.series, study.colour(cell.series))
    if (seen := study.observers.get(cell.label)) is not None:
        curve = curve_of_pace(seen, FAIR, share=int(cell.runs[0].options.get("num_secrets", "1")), until=until)
        yield Mark(
            label=f"ideal observer, groups of {seen.group}", x=curve.episodes, y=curve.bits_known, look="thin",
            colour=study.colour(cell.series), notes=[cell.series] * len(curve.episodes), is_shared=True,
        )  # fmt: skip


def band_mark(band: Band, label: str, colour: int | None) -> Mark:
    wide = band.has_width
    return Mark(
        label=label, x=band.episodes.tolist(), y=band.middle.tolist(), colour=colour,
        low=band.low.tolist() if wide else (), high=band.high.tolist() if wide else (),
        notes=[f"{count:.0f} runs" for count in band.counts] if wide else (),
    )  # fmt: skip


def accuracy_figure(study: Study) -> Figure:
    marks = [
        band_mark(band, cell.label, study.colour(cell.series))
        for cell in study.with_accuracy
        if (band := band_of(cell.runs, "accuracy")) is not None
    ]
    panel = Panel(title="", x_title="episodes", y_title="accuracy", marks=marks, floor=-0.02)
    rows = [
        (
            cell.label,
            f"{len(cell.runs)}",
            estimate(median_last(cell, "accuracy")),
            estimate(median_last(cell, "reward")),
        )
        for cell in study.with_accuracy
    ]
    table = Table(
        caption=f"Accuracy at the last measurement: medians of the runs, {ENDS}",
        header=("condition", "runs", "accuracy", "reward"), rows=rows,
    )  # fmt: skip
    return Figure(
        name="accuracy", title="Accuracy against episodes",
        says="Problems that are never trained on. The median of the runs, and a band as above.",
        panels=[panel] if marks else [],
        tables=[table, *curve_tables(study.with_accuracy, "accuracy", "accuracy")] if marks else [],
        absent="" if marks else "No run here measures accuracy on held-out problems.",
    )  # fmt: skip


# --- tables --------------------------------------------------------------------------------------


def conditions_table(study: Study) -> Table:
    header = (
        "condition", "secrets", "got there", "episodes to 0.9 of the bits", "episodes to p(S) > 0.9",
        "episodes to the first hit", "from hit to 0.9", "bits at the end", "bits per episode", *WORK_HEADER,
        "learning rate", "observer to 0.9",
    )  # fmt: skip
    caption = (
        f"Conditions: medians, with runs that never got there kept as censored, {ENDS}; bits per episode in sum, and "
        "by single runs"
    )
    return Table(caption=caption, header=header, rows=[condition_row(study, cell) for cell in study.with_bits])


def condition_row(study: Study, cell: Cell) -> Sequence[str]:
    medians, seen = study.medians[cell.label], study.observers.get(cell.label)
    ideal = seen.paces[FAIR].to_nine_tenths if seen is not None else None
    return (
        cell.label,
        f"{cell.num_secrets}",
        solved(medians.get("known")),
        *(middle(medians.get(what)) for what in ("known", "sure", "found", "settled")),
        f"{estimate(median_last(cell, 'bits_known'))} of {cell.ceiling_bits:.3g}",
        estimate(bits_per_episode(cell)),
        *work_of(cell),
        f"{cell.rate:g}, {cell.how}" if cell.how != "given" else f"{cell.rate:g}",
        NONE if ideal is None else three(ideal),
    )


def curve_tables(cells: Sequence[Cell], name: str, words: str) -> Iterator[Table]:
    """The medians again, at a few counts of episodes."""
    bands = [(cell, band) for cell in cells if (band := band_of(cell.runs, name)) is not None]
    if not bands:
        return
    header = ("condition", *(f"at {share}% of its episodes" for share in (0, 5, 10, 25, 50, 75, 100)), "episodes")
    rows = []
    for cell, band in bands:
        last = len(band.episodes) - 1
        until = float(band.episodes[-1])
        places = [min(last, int((band.episodes < until * share / 100).sum())) for share in (0, 5, 10, 25, 50, 75, 100)]
        rows.append((cell.label, *(f"{band.middle[place]:.3g}" for place in places), f"{until:,.0f}"))
    yield Table(caption=f"The curves: median {words}", header=header, rows=rows, is_of_curves=True)
