"""A table on paper: how wide its columns are, and which of them fit beside each other.

parts(table, faces, size, width)   ->   the same rows in one part or several, each with the first column
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from straw.report.figures.drawing.figure import Table
from straw.report.paper.pdf.fonts import Face, Faces

GAP, WIDEST = 8.0, 0.34  # points between columns; of the page's width


@dataclass(frozen=True, slots=True)
class Part:
    """Some columns of a table, and how many points each has."""

    table: Table
    columns: Sequence[int]
    widths: Sequence[float]


def parts(table: Table, faces: Faces, size: float, width: float) -> Iterator[Part]:
    wanted = [natural(table, column, faces, size, width) for column in range(len(table.header))]
    first, columns, used = wanted[0], [0], wanted[0]
    for column in range(1, len(wanted)):
        if used + GAP + wanted[column] > width and len(columns) > 1:
            yield Part(table, columns, [wanted[one] for one in columns])
            columns, used = [0], first
        columns.append(column)
        used += GAP + wanted[column]
    yield Part(table, columns, [wanted[one] for one in columns])


def natural(table: Table, column: int, faces: Faces, size: float, width: float) -> float:
    """As wide as its widest cell, up to a third of the page; a head may be broken into words."""
    heads = max((width_of(word, faces.bold, size) for word in table.header[column].split()), default=0.0)
    cells = max((width_of(row[column], faces.plain, size) for row in table.rows), default=0.0)
    return min(max(heads, cells, 18.0), WIDEST * width)


def width_of(text: str, face: Face, size: float) -> float:
    return face.width(face.shown(text), size) + 0.1  # sums of floats differ in their last digits
