"""The picture "bits known against episodes": how fast each channel carries a secret into the weights.

One line a run, a dotted ceiling at log2 N, the legend ordered as the lines are: fastest on top. What
is no reinforcement learning is dashed and without colour. Every measurement of a short curve is a dot, and
where nothing was measured for long there is no line.
Colours are those of `palette`, which colour-blind people can tell apart. It is drawn without a
screen, at twice the width of a README, and the file is the old picture or the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from straw.report.curves.curve import Curve, drawable, fastest_first, pieces
from straw.report.curves.palette import colour_at, places
from straw.runs.files.atomic_write import write_whole
from straw.text.shown.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

INK, FAINT = "#333333", "#8A8A8A"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.4, 1.3)), (0, (5, 1.6, 1.2, 1.6)))  # of one colour, in turn
FEW = 60  # measurements that are dots each
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


def draw_picture(
    curves: Sequence[Curve],
    path: str | Path,
    *,
    ceiling_bits: float | None = None,
    title: str = "",
    subtitle: str = "",
    metric: str = "bits known",
    thin: Sequence[Curve] = (),
) -> Path:
    """Write the curves as a PNG; behind them `thin` ones, runs of the same conditions."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = drawable(curves)
    with rc_context(STYLE):
        figure = Figure(figsize=(8.6, 4.4), dpi=200, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        _draw_thin(axes, drawable(thin))
        _draw_lines(axes, shown)
        _draw_ceiling(axes, ceiling_bits)
        _dress(axes, shown, ceiling_bits, whole=metric == "bits known")
        _write_words(axes, title or f"{metric.capitalize()} against episodes", subtitle, metric)
        png = BytesIO()
        figure.savefig(png, format="png", bbox_inches="tight", pad_inches=0.2, metadata={"Software": None})
    write_whole(Path(path), png.getvalue())
    return Path(path)


def in_picture(text: str) -> str:
    """A label as it stands: matplotlib would read a formula between two dollars, and fall over most names."""
    return visible(text).replace("$", "\\$")


def _draw_lines(axes: Axes, curves: Sequence[Curve]) -> None:
    lines = [_draw_line(axes, curve, *look) for curve, look in zip(curves, looks(curves), strict=True)]
    if lines:
        axes.legend(
            handles=[lines[index] for index in fastest_first(curves)],
            loc="upper left", bbox_to_anchor=(1.02, 0.93), borderaxespad=0, frameon=False, handlelength=2.2,
            labelspacing=0.8,
        )  # fmt: skip


def _draw_thin(axes: Axes, curves: Sequence[Curve]) -> None:
    """Without dashes: there are too many of a colour."""
    for curve, (colour, _) in zip(curves, looks(curves), strict=True):
        for one in pieces(curve):
            axes.plot(one.episodes, one.bits_known, color=colour, linewidth=0.8, alpha=0.4, zorder=1.5)


def looks(curves: Sequence[Curve]) -> list[tuple[str, Any]]:
    """Colour and dash of each: the colour tells the condition, the dash runs of one condition apart."""
    found: list[tuple[str, Any]] = []
    place_of = places(curve.condition or curve.label for curve in curves if not curve.dashed)
    for curve in curves:
        colour = INK if curve.dashed else colour_at(place_of[curve.condition or curve.label])
        before = sum(one == colour for one, _ in found)
        found.append((colour, (0, (3.2, 1.4)) if curve.dashed else DASHES[before % len(DASHES)]))
    return found


def _draw_line(axes: Axes, curve: Curve, colour: str, dash: Any) -> Line2D:
    """One curve with a dot at each measurement, if these are few, and where its run ended."""
    look: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 2.2}
    lines = [axes.plot(one.episodes, one.bits_known, **look)[0] for one in pieces(curve)]
    if len(curve.episodes) <= FEW:
        axes.plot(curve.episodes, curve.bits_known, "o", color=colour, markersize=3.2)
    axes.plot(curve.episodes[-1:], curve.bits_known[-1:], "o", color=colour, markersize=5)
    lines[0].set_label(in_picture(curve.label) + (f" ({len(curve.episodes)} measurements)" if len(lines) > 1 else ""))
    return lines[0]


def _draw_ceiling(axes: Axes, ceiling_bits: float | None) -> None:
    if ceiling_bits is None:
        return
    axes.axhline(ceiling_bits, color=FAINT, linestyle=":", linewidth=1.4, zorder=1)
    axes.annotate(
        f"the whole secret: log\N{SUBSCRIPT TWO} N = {ceiling_bits:.3g} bits",
        (0, ceiling_bits), xycoords=("axes fraction", "data"), xytext=(4, 5), textcoords="offset points",
        color=FAINT, fontsize=9.5,
    )  # fmt: skip


def _dress(axes: Axes, curves: Sequence[Curve], ceiling_bits: float | None, *, whole: bool) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    bits = [0.0, *(bit for curve in curves for bit in curve.bits_known)]
    top = max(ceiling_bits or 0.0, 1.0, *bits)
    axes.set_ylim(max(min(bits), -top / 2) - 0.02 * top, top * 1.1)  # a fall far below zero is cut off
    axes.set_xlim(0, 1.01 * max([1.0, *(curve.episodes[-1] for curve in curves)]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(integer=whole, nbins=8))
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.9)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=6)


def _write_words(axes: Axes, title: str, subtitle: str, metric: str) -> None:
    axes.set_xlabel("episodes", labelpad=8)
    axes.set_ylabel(in_picture(metric), labelpad=8)
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(in_picture(subtitle), (0, 1), xytext=(0, 10), fontsize=10.5, color=FAINT, **above)
    axes.annotate(
        in_picture(title), (0, 1), xytext=(0, 28 if subtitle else 10), fontsize=14, fontweight="bold", **above
    )
