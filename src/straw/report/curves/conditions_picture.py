"""The picture of a sweep that has no curves of bits: each condition a point with its interval, a panel a number.

A dotted line at the first condition, which the others are compared with: what lies on it did not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from straw.report.curves.palette import colour_at, places
from straw.report.curves.picture import FAINT, STYLE, in_picture
from straw.report.sweeps.accuracy import mean_of, measured, words
from straw.report.sweeps.paired import Sure
from straw.report.sweeps.sweep import Summary
from straw.runs.files.atomic_write import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_conditions(summaries: Sequence[Summary], path: Path, subtitle: str) -> Path | None:
    """Write the PNG; None where no run is done."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = [summary for summary in summaries if summary.done]
    names = measured(done)
    if not names:
        return None
    place_of = places(one.condition for one in done)
    colours = [colour_at(place_of[one.condition]) for one in done]
    with rc_context(STYLE):
        figure = Figure(figsize=(2.6 + 2.6 * len(names), 1.5 + 0.36 * len(done)), dpi=200, facecolor="white")
        FigureCanvasAgg(figure)
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            _draw_panel(axes, [mean_of(summary, name) for summary in done], colours, words(name))
            axes.set_yticks(range(len(done)), [in_picture(one.condition) if name == names[0] else "" for one in done])
        figure.suptitle(in_picture(subtitle), fontsize=10.5, color=FAINT)
        figure.tight_layout()
        png = BytesIO()
        figure.savefig(png, format="png", bbox_inches="tight", pad_inches=0.2, metadata={"Software": None})
    write_whole(path, png.getvalue())
    return path


def _draw_panel(axes: Axes, means: Sequence[Sure], colours: Sequence[str], title: str) -> None:
    """The first condition on top."""
    from matplotlib.ticker import MaxNLocator

    for row, (one, colour) in enumerate(zip(means, colours, strict=True)):
        if isfinite(one.low):
            axes.plot([one.low, one.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([one.mean], [row], "o", color=colour, markersize=6)
    axes.axvline(means[0].mean, color=FAINT, linestyle=":", linewidth=1.4, zorder=1)
    axes.set_ylim(len(means) - 0.5, -0.5)
    axes.set_title(in_picture(title), fontsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.9)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=6)
