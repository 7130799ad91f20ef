"""Offered, received, absorbed: a panel for each condition, because some channels offer more than a secret has."""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.curves.palette import places
from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.figures.scaling import absent
from straw.report.study.analysis import Study
from straw.report.study.cells import Cell
from straw.report.study.formatting import ENDS, NONE, estimate, listed, three
from straw.report.study.law import law
from straw.report.study.statistics.bands import band_of
from straw.report.study.totals import ETAS, efficiency, median_last

READ = (
    "Medians and bands over runs. Offered: the causal code length of the rewards. Usable: its part in groups that had "
    "an advantage, so that it could move something. Received: what an ideal observer knows from the same rollouts. "
    "Absorbed: what the weights know. Sums since the run began, over all prompts. "
    "What is far above the whole secret leaves the picture, and is in the table."
)
PARTS = {
    "offered": "ledger/offered_bits", "received": "ledger/received_bits", "absorbed": "ledger/absorbed_bits",
    "passes, against the start (bound: none)": "ledger/pass_bits",
    "gold text, against decoys (bound: none)": "ledger/gold_bits",
    "usable": "ledger/usable_bits",
}  # fmt: skip
MOST = 12  # panels


def ledger_figure(study: Study) -> Figure:
    base = Figure(name="ledger", title="Offered, received, absorbed", says=READ)
    cells = [cell for cell in study.cells if any(len(run.column(PARTS["offered"]).values) for run in cell.runs)]
    if not cells:
        return absent(
            base, "These runs kept no ledger: supervised ones are told no rewards, and older ones wrote none."
        )
    left = [cell.label for cell in cells[MOST:]]
    says = READ + (f" Only in the table: {listed(left)}." if left else "")
    return Figure(
        name=base.name, title=base.title, says=says, panels=[ledger_panel(cell) for cell in cells[:MOST]],
        tables=[ledger_table(cells)], can_switch_y=False,
    )  # fmt: skip


def ledger_panel(cell: Cell) -> Panel:
    marks = list(ledger_marks(cell))
    kept = [value for mark in marks for value in mark.y if mark.label not in ("offered", "usable")]
    top = max(kept, default=1.0)
    lowest = min([0.0, *kept])
    return Panel(
        title=cell.label, x_title="episodes", y_title="bits", marks=marks, ceiling=cell.ceiling_bits,
        floor=max(lowest, -max(top, 1.0) / 2),
    )  # fmt: skip


def ledger_marks(cell: Cell) -> Iterator[Mark]:
    place_of = places(PARTS)
    for label, name in PARTS.items():
        band = band_of(cell.runs, name)
        if band is not None:
            wide = band.has_width
            yield Mark(
                label=label, x=band.episodes.tolist(), y=band.middle.tolist(), colour=place_of[label],
                low=band.low.tolist() if wide else (), high=band.high.tolist() if wide else (),
            )  # fmt: skip


def ledger_table(cells: list[Cell]) -> Table:
    names = ("capacity", "offered", "usable", "received", "absorbed", "kl_from_start", "pass", "gold")
    rows = [
        (
            cell.label, f"{len(cell.runs)}", *(estimate(median_last(cell, f"ledger/{name}_bits")) for name in names),
            *(estimate(efficiency(cell, eta)) for eta in ETAS), lawful(cell),
            "the law" if cell.ceiling_bits is not None else "none",
        )
        for cell in cells
    ]  # fmt: skip
    header = (
        "condition", "runs", "capacity", "offered", "usable", "received", "absorbed", "KL from the start",
        "passes against the start", "gold against decoys", "received / offered", "absorbed / received",
        "absorbed / offered", "mean of 2^(absorbed − offered), episodes", "bound",
    )  # fmt: skip
    return Table(
        caption=f"The ledger at the end of the runs, in bits: medians, {ENDS}; shares in sum, and by single runs",
        header=header, rows=rows,
    )  # fmt: skip


def lawful(cell: Cell) -> str:
    """The mean, and after how many episodes: the same for every secret."""
    found = law(cell, "offered_bits")
    return NONE if found is None else f"{three(found.value)} after {found.episodes:,.0f}"
