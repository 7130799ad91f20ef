"""What an article is made of, before it is Markdown or PDF. A text is as it stands: whoever writes it escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from straw.report.figures.drawing.figure import Figure, Table


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2  # 1: the title


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Lines:
    """Commands, formulas: letters of one width, and line ends that stay."""

    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure that has something to draw."""

    figure: Figure
    number: int


Block = Heading | Paragraph | Items | Lines | Shown | Table
