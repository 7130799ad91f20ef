"""How a series looks: a colour, a dash and a marker, each enough to tell it by.

The colours of print are those of `report.curves.palette`; a browser takes its own from the page, one set for light and
one for dark. Seven markers repeat one place later than fourteen colours, and five dashes at yet others, so that
98 points and 70 lines differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from straw.report.curves.palette import COLOURS
from straw.report.figures.drawing.figure import Mark


class Dash(NamedTuple):
    browser: str
    paper: Any
    swatch: str  # of SVG


DASHES = (
    Dash("solid", "-", ""),
    Dash("8px,3px", (0, (4.5, 1.6)), "7 3"),
    Dash("2px,2px", (0, (1.2, 1.1)), "2 2"),
    Dash("9px,3px,2px,3px", (0, (5, 1.6, 1.2, 1.6)), "8 2 2 2"),
    Dash("4px,2px", (0, (2.4, 1.2)), "4 2"),
)
MARKERS = (
    ("circle", "o"), ("square", "s"), ("diamond", "D"), ("pentagon", "p"), ("cross", "P"), ("x", "X"), ("hexagon", "h"),
)  # fmt: skip
INK_DASH = 4


def colour_of(mark: Mark) -> int | None:
    return None if mark.colour is None else mark.colour % len(COLOURS)


def dash_of(mark: Mark) -> Dash:
    if mark.colour is None:
        return DASHES[INK_DASH]
    return DASHES[0 if mark.look in ("thin", "joined") else mark.colour % len(DASHES)]


def marker_of(mark: Mark) -> tuple[str, str]:
    """Another one for the same colour, where colours come again."""
    place = mark.colour or 0
    return MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
