"""A plan as a picture: rollouts a second against generators, what was planned on the curve, and who waits.

As HTML it is one file with the picture and the table in it; nothing in it comes from elsewhere.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from straw.cli.plan.table import HEADS, cells, scaling_line
from straw.planning.forecast import Row, Scaling
from straw.planning.workload import Workload
from straw.report.curves.palette import colour_at
from straw.report.curves.picture import FAINT, INK, STYLE
from straw.runs.files.atomic_write import write_whole

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px sans-serif; margin: 2em auto; max-width: 62em; color: #333 }} img {{ max-width: 100% }}
table {{ border-collapse: collapse }} td, th {{ padding: .25em .8em; text-align: right }}
td:last-child {{ text-align: left }}
</style></head><body><h1>{title}</h1><img alt="rollouts a second against generators" src="data:image/png;base64,{png}">
<table><tr>{heads}</tr>{rows}</table><p>{scaling}</p></body></html>
"""


def draw(work: Workload, rows: Sequence[Row], scaling: Scaling, path: Path) -> None:
    png = picture(work, rows, scaling)
    write_whole(path, page(work, rows, scaling, png) if path.suffix == ".html" else png)


def picture(work: Workload, rows: Sequence[Row], scaling: Scaling) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(8.6, 5.6), dpi=160, facecolor="white")
        FigureCanvasAgg(figure)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        draw_rates(above, rows, scaling)
        draw_shares(below, rows)
        above.set_title(f"{work.rollouts:,} rollouts a step, pace {work.pace}", loc="left", fontweight="bold")
        out = BytesIO()
        figure.savefig(out, format="png", bbox_inches="tight", pad_inches=0.2, metadata={"Software": None})
    return out.getvalue()


def draw_rates(axes: Any, rows: Sequence[Row], scaling: Scaling) -> None:
    known = {**scaling.rates, **{row.layout.generators: row.found.rollouts_per_s for row in rows}}
    counts = sorted(known)
    axes.plot(counts, [known[count] for count in counts], color=colour_at(0), linewidth=2)
    axes.plot(counts, [known[counts[0]] * count / counts[0] for count in counts], ":", color=FAINT, linewidth=1.2)
    for row in rows:
        axes.plot(row.layout.generators, row.found.rollouts_per_s, "o", color=colour_at(0), markersize=6)
    axes.set_ylim(0, 1.15 * max(known.values()))
    if scaling.ends:
        axes.axvline(scaling.last, color=FAINT, linestyle="--", linewidth=1)
        axes.annotate(scaling.words, (scaling.last, 0.04 * max(known.values())), xytext=(5, 0),
                      textcoords="offset points", fontsize=9, color=INK)  # fmt: skip
    dress(axes, "rollouts a second")


def draw_shares(axes: Any, rows: Sequence[Row]) -> None:
    counts = [row.layout.generators for row in rows]
    shares = {
        "trainer at work": [1 - row.found.trainer_idle for row in rows],
        "generators at work": [row.found.generators_busy for row in rows],
        "directing process at work": [row.found.directing_busy for row in rows],
    }
    for place, (name, values) in enumerate(shares.items()):
        axes.plot(counts, values, "o-", color=colour_at(place), label=name, markersize=4)
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, fontsize=9)
    axes.set_xlabel("generators")
    dress(axes, "share of the time")


def dress(axes: Any, name: str) -> None:
    axes.set_xscale("log")
    axes.set_ylabel(name)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")


def page(work: Workload, rows: Sequence[Row], scaling: Scaling, png: bytes) -> str:
    unit = "GPU" if rows[0].layout.cards else "CPU"
    heads = "".join(f"<th>{html.escape(head.format(unit=unit))}</th>" for head in (*HEADS, "bottleneck"))
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in (*cells(row), row.bottleneck.words)) for row in rows]
    return PAGE.format(
        title=html.escape(f"straw plan: {work.rollouts:,} rollouts a step, pace {work.pace}"),
        png=b64encode(png).decode(), heads=heads, rows="".join(f"<tr>{line}</tr>" for line in lines),
        scaling=html.escape(scaling_line(scaling)),
    )  # fmt: skip
