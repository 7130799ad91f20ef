"""Controls: rewards that must not teach, or teach an exact amount, beside one that does."""

from __future__ import annotations

from straw.report.figures.bits import cell_marks
from straw.report.figures.drawing.figure import Figure, Panel, Table
from straw.report.figures.scaling import absent
from straw.report.study.analysis import Study
from straw.report.study.formatting import ENDS, NONE, estimate, three
from straw.report.study.totals import median_last

READ = (
    "random pays by a coin and can teach nothing; shuffled bins have the levels of a distance without its order; "
    "higher or lower tells one true bit a rollout; noisy binary lies now and then."
)


def controls_figure(study: Study) -> Figure:
    base = Figure(name="controls", title="Controls", says=READ)
    cells = [cell for cell in study.with_bits if cell.is_control]
    if not cells:
        return absent(
            base, "No control is among these runs: reward_type=random, shuffled_bins, higher_lower or noisy_binary."
        )
    panels = []
    for N in sorted({cell.N or 0 for cell in cells}):
        here = [cell for cell in cells if cell.N == N]
        until = max(run.episodes for cell in here for run in cell.runs)
        marks = [mark for cell in here for mark in cell_marks(study, cell, "bits_known", until)]
        ceiling = max(cell.ceiling_bits or 0.0 for cell in here)
        panels.append(
            Panel(title=f"N = {N:,}", x_title="episodes", y_title="bits known", marks=marks, ceiling=ceiling,
                  floor=-ceiling / 2)
        )  # fmt: skip
    rows = [
        (
            cell.label, f"{cell.num_secrets}", estimate(median_last(cell, "bits_known")),
            estimate(median_last(cell, "ledger/received_bits")),
            three(study.identifiable[cell.label]) if cell.label in study.identifiable else NONE,
        )
        for cell in cells
    ]  # fmt: skip
    header = ("control", "secrets", "bits known at the end", "bits received", "bits that its highest pay tells")
    table = Table(caption=f"Controls: medians of the runs, {ENDS}", header=header, rows=rows)
    return Figure(name=base.name, title=base.title, says=READ, panels=panels, tables=[table])
