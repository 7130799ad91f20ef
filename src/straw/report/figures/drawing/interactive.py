"""A panel as plotly's traces and layout, as plain values: the page's own script adds the colours of its light.

A trace says in `meta` which colour it has and what it is, and in `legendgroup` what it is switched with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, log10
from typing import Any

from straw.report.figures.drawing.figure import Mark, Panel
from straw.report.figures.drawing.style import colour_of, dash_of, marker_of
from straw.text.shown.visible import as_html, visible

DIGITS = 5
LEAVES = 3.0  # times the whole secret: what is higher leaves the picture
DECADES = 2.2  # of an axis: with fewer, 2 and 5 are written too


def drawn(panel: Panel) -> dict[str, Any]:
    bands = [trace for mark in panel.marks for trace in band(mark)]
    return {"data": [*bands, *(trace(mark, panel) for mark in panel.marks)], "layout": layout(panel)}


def band(mark: Mark) -> Iterator[dict[str, Any]]:
    """The width of a line, as one closed shape."""
    if mark.look != "line" or not len(mark.low):
        return
    there = [*zip(mark.x, mark.low, strict=True), *reversed([*zip(mark.x, mark.high, strict=True)])]
    yield {
        "type": "scatter", "mode": "lines", "fill": "toself", "hoverinfo": "skip", "showlegend": False,
        "x": [x for x, _ in there], "y": rounded([y for _, y in there]), "line": {"width": 0},
        "legendgroup": visible(mark.label), "name": visible(mark.label),
        "meta": {"colour": colour_of(mark), "part": "band"},
    }  # fmt: skip


def trace(mark: Mark, panel: Panel) -> dict[str, Any]:
    symbol = {"never": "triangle-up-open", "thin": "circle-open"}.get(mark.look, marker_of(mark)[0])
    width = {"line": 2.4, "thin": 1.0, "fit": 1.3, "joined": 1.8}.get(mark.look, 0)
    found: dict[str, Any] = {
        "type": "scatter", "mode": mode(mark), "x": list(mark.x), "y": rounded(mark.y), "name": visible(mark.label),
        "legendgroup": visible(mark.label), "showlegend": False,
        "line": {"width": width, "dash": dash_of(mark).browser},
        "marker": {"size": 11 if mark.look == "never" else 8, "symbol": symbol},
        "hovertemplate": hover(mark, panel), "meta": {"colour": colour_of(mark), "part": mark.look},
    }  # fmt: skip
    if mark.notes:
        found["text"] = [as_html(note) for note in mark.notes]
    if mark.look in ("points", "joined") and len(mark.low):
        found["error_y"] = {
            "type": "data", "symmetric": False, "thickness": 1.3, "width": 4,
            "array": rounded([high - y for high, y in zip(mark.high, mark.y, strict=True)]),
            "arrayminus": rounded([y - low for low, y in zip(mark.low, mark.y, strict=True)]),
        }  # fmt: skip
    return found


def mode(mark: Mark) -> str:
    if mark.has_dots:
        return "lines+markers"
    return {"points": "markers", "never": "markers", "joined": "lines+markers"}.get(mark.look, "lines")


def hover(mark: Mark, panel: Panel) -> str:
    name = f"<b>{as_html(mark.label)}</b><br>"
    if mark.notes and (mark.has_dots or mark.look not in ("line", "thin")):
        return f"{name}%{{text}}<extra></extra>"
    noted = "<br>%{text}" if mark.notes else ""
    return f"{name}%{{x:,}} {as_html(panel.x_title)}: %{{y:.4~g}} {as_html(panel.y_title)}{noted}<extra></extra>"


def layout(panel: Panel) -> dict[str, Any]:
    shapes = []
    if panel.ceiling is not None:
        at = {"y0": panel.ceiling, "y1": panel.ceiling, "xref": "paper", "x0": 0, "x1": 1}
        shapes.append({"type": "line", "layer": "below", "line": {"width": 1.2, "dash": "dot"}, **at})
    return {
        "xaxis": x_axis(panel), "yaxis": y_axis(panel), "shapes": shapes, "hovermode": "closest", "showlegend": False,
        "margin": {"l": 58, "r": 14, "t": 8, "b": 46},
    }  # fmt: skip


def x_axis(panel: Panel) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": as_html(panel.x_title)}, "type": "log" if panel.log_x else "linear", "zeroline": False,
    }  # fmt: skip
    if panel.ticks:
        axis |= {
            "tickvals": list(panel.ticks),
            "ticktext": [f"{tick:,g}" if tick >= 1 else f"{tick:.3g}" for tick in panel.ticks],
        }
    elif not panel.log_x:
        axis["rangemode"] = "tozero"
    return axis


def y_axis(panel: Panel) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": as_html(panel.y_title)}, "type": "log" if panel.log_y else "linear", "zeroline": False,
    }  # fmt: skip
    if panel.log_y:
        low, high = axis["range"] = log_range(panel)
        axis["dtick"] = 1 if high - low > DECADES else "D2"
    elif panel.floor is not None:
        tops = [y for mark in panel.marks for y in (mark.high or mark.y) if isfinite(y)]
        top = max([panel.ceiling or 0.0, *tops]) if panel.ceiling is None else max(panel.ceiling, *kept(panel, tops))
        axis["range"] = [panel.floor, top + 0.06 * (top - panel.floor)]
    return axis


def kept(panel: Panel, tops: Sequence[float]) -> list[float]:
    """What is offered may be ten times what there is to know, and the rest should stay readable."""
    ceiling = panel.ceiling or 1.0
    return [0.0, *(min(top, LEAVES * ceiling) for top in tops)]


def log_range(panel: Panel) -> list[float]:
    """Room for whole powers of ten would squeeze the points."""
    ys = [y for mark in panel.marks for part in (mark.y, mark.low, mark.high) for y in part if isfinite(y) and y > 0]
    low, high = (log10(min(ys)), log10(max(ys))) if ys else (0.0, 1.0)
    room = max(0.12, 0.06 * (high - low))
    return [low - room, high + room]


def rounded(values: Sequence[float]) -> list[float | None]:
    """As many digits as a picture can show."""
    return [float(f"{value:.{DIGITS}g}") if isfinite(value) else None for value in values]
