"""A figure before it is drawn: panels of marks, the tables that say the same, and a sentence where there is no data.

    Figure(name="bits", panels=[Panel(marks=[Mark(label="binary", x=..., y=..., look="line")])], tables=[...])

`interactive` draws it for a browser and `paper` for print, from the same numbers. A colour is a place in a palette, and
comes with its own dash and marker, so that no one has to see colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Look = Literal["line", "thin", "points", "joined", "never", "fit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line or some points.

    line    with its band           thin    of no run: an observer         fit     a law
    points  with error bars         joined  the same with a line           never   medians that were not reached
    """

    label: str  # equal labels are switched together
    x: Sequence[float]
    y: Sequence[float]
    look: Look = "line"
    colour: int | None = None  # None: ink
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    notes: Sequence[str] = ()  # for each point
    in_legend: bool = True
    is_shared: bool = False  # its label stands for marks of many colours
    has_dots: bool = False  # a thin line through a few points


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    x_title: str
    y_title: str
    marks: Sequence[Mark]
    log_x: bool = False
    log_y: bool = False
    ceiling: float | None = None
    floor: float | None = None  # the lowest y that is shown
    ticks: Sequence[float] = ()  # of x, where few values matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_of_curves: bool = False  # says in numbers what the lines of its figure show


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`absent` says why there is nothing to draw; tables may be there nevertheless."""

    name: str
    title: str
    says: str  # how to read it
    panels: Sequence[Panel] = ()
    tables: Sequence[Table] = ()
    absent: str = ""
    can_switch_x: bool = True  # between a linear axis and one in powers
    can_switch_y: bool = False
