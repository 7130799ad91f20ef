"""A figure for a paper: PNG and SVG by matplotlib, from the same marks and in the same colours as the page's.

A browser would be needed to save plotly's own. Fonts and colours are those of every picture of straw; the panels stand
side by side, at most three, with one legend below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from straw.report.curves.palette import COLOURS
from straw.report.curves.picture import FAINT, INK, STYLE, in_picture
from straw.report.figures.drawing.figure import Figure, Mark, Panel
from straw.report.figures.drawing.interactive import DECADES, kept, log_range
from straw.report.figures.drawing.style import colour_of, dash_of, marker_of
from straw.runs.files.atomic_write import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS, WIDTH, HEIGHT = 3, 4.6, 3.4  # panels; inches of one
FORMATS = {"png": {"Software": None}, "svg": {"Date": None}}  # equal figures are equal files


def save_figures(figures: Sequence[Figure], folder: Path, formats: Sequence[str] = tuple(FORMATS)) -> list[Path]:
    """Those that have something to draw, each in all formats."""
    folder.mkdir(parents=True, exist_ok=True)
    return [path for figure in figures if figure.panels for path in save_figure(figure, folder, formats)]


def save_figure(figure: Figure, folder: Path, formats: Sequence[str] = tuple(FORMATS)) -> list[Path]:
    paths = []
    with sheet_of(figure.panels) as sheet:
        for ending in formats:
            image = BytesIO()
            sheet.savefig(image, format=ending, bbox_inches="tight", metadata=FORMATS[ending])
            paths.append(folder / f"{figure.name}.{ending}")
            write_whole(paths[-1], image.getvalue())
    return paths


@contextmanager
def sheet_of(panels: Sequence[Panel], most_across: int = ACROSS, dpi: int = 200) -> Iterator[Any]:
    """A figure of matplotlib's with these panels; its style holds until the block ends."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    across = 2 if len(panels) == 4 else min(most_across, len(panels))
    down = -(-len(panels) // across)
    with rc_context({**STYLE, "font.size": 9.5, "svg.hashsalt": "straw"}):
        sheet = Sheet(figsize=(WIDTH * across, HEIGHT * down), dpi=dpi, facecolor="white", layout="constrained")
        FigureCanvasAgg(sheet)
        boxes = list(sheet.subplots(down, across, squeeze=False).flatten())
        for box, panel in zip(boxes, panels, strict=False):
            draw_panel(box, panel)
        for box in boxes[len(panels) :]:
            box.set_axis_off()
        add_legend(sheet, boxes, {in_picture(mark.label) for panel in panels for mark in panel.marks if mark.is_shared})
        yield sheet


def draw_panel(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for mark in panel.marks:
        draw_mark(axes, mark)
    if panel.ceiling is not None:
        axes.axhline(panel.ceiling, color=FAINT, linestyle=":", linewidth=1.1, zorder=1)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
        low, high = log_range(panel)
        if high - low <= DECADES:
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(10**low, 10**high)
    elif panel.floor is not None:
        tops = [y for mark in panel.marks for y in (mark.high or mark.y) if isfinite(y)]
        top = max([0.0, *tops]) if panel.ceiling is None else max(panel.ceiling, *kept(panel, tops))
        axes.set_ylim(panel.floor, top + 0.06 * (top - panel.floor))
    if panel.ticks:
        axes.set_xticks(list(panel.ticks), [f"{tick:,g}" for tick in panel.ticks])
        axes.minorticks_off()
    axes.set_title(in_picture(panel.title), fontsize=10.5, fontweight="bold", loc="left")
    axes.set_xlabel(in_picture(panel.x_title))
    axes.set_ylabel(in_picture(panel.y_title))
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)


def draw_mark(axes: Axes, mark: Mark) -> None:
    place = colour_of(mark)
    colour = INK if place is None else COLOURS[place]
    label = in_picture(mark.label) if mark.in_legend else "_nolegend_"
    dash, marker = dash_of(mark).paper, marker_of(mark)[1]
    if mark.look == "line":
        axes.plot(mark.x, mark.y, color=colour, linestyle=dash, linewidth=2.0, label=label, zorder=3)
        if len(mark.low):
            axes.fill_between(mark.x, mark.low, mark.high, color=colour, alpha=0.14, linewidth=0)
    elif mark.look == "thin":
        dots: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "markersize": 4.5} if mark.has_dots else {}
        axes.plot(mark.x, mark.y, color=colour, linewidth=0.9, label=label, **dots)
    elif mark.look == "fit":
        axes.plot(mark.x, mark.y, color=colour, linestyle=dash, linewidth=1.1, label=label)
    elif mark.look == "never":
        axes.plot(mark.x, mark.y, "^", color=colour, markerfacecolor="white", markersize=7, label=label)
    else:
        draw_points(axes, mark, colour, marker, label)


def draw_points(axes: Axes, mark: Mark, colour: str, marker: str, label: str) -> None:
    errors = None
    if len(mark.low):
        below = [y - low for low, y in zip(mark.low, mark.y, strict=True)]
        errors = [below, [high - y for high, y in zip(mark.high, mark.y, strict=True)]]
    line = {"linestyle": "-", "linewidth": 1.4} if mark.look == "joined" else {"linestyle": "none"}
    axes.errorbar(mark.x, mark.y, yerr=errors, color=colour, marker=marker, markersize=5.5, elinewidth=1.1, capsize=2.5,
                  label=label, **line)  # fmt: skip


def add_legend(sheet: Any, boxes: Sequence[Any], shared: Set[str]) -> None:
    """Every label once; in ink and last what has many colours."""
    from matplotlib.lines import Line2D

    found: dict[str, Any] = {}
    for box in boxes:
        for handle, label in zip(*box.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    for label in sorted(shared & found.keys()):
        found.pop(label)
        found[label] = Line2D([], [], color=INK, linewidth=0.9)
    if found:
        across = min(len(found), 4)
        sheet.legend(found.values(), found.keys(), loc="outside lower center", ncols=across, frameon=False, fontsize=9)
