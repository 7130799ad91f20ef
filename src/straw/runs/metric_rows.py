"""The rows of metrics.jsonl, kept as columns: eight bytes a number, where a dict of them takes sixty.

    rows = MetricRows(read_lines(path))
    rows[-1]["reward"], rows[-10:], for row in rows        a row is a dict that is made when it is asked for
    column(rows, "reward")                                  value after value, None where a row has none; of any rows

What comes out is what went in, whole numbers whole and null None; only the order of the names in a row may be another.
With `names` only these columns are kept, and of the others that there were such.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Any, overload

from straw.errors import RunError

MISSING: Any = object()
FLOAT, WHOLE, ANY = "d", "q", ""
LARGEST = 1 << 63


class Column:
    """Values of one name, in arrays as long as all are floats (or null), or all whole numbers; else as they are."""

    def __init__(self) -> None:
        self.kind = ""
        self.values: array[Any] | list[Any] = []
        self.rows: array[int] | None = None  # which rows have one; None: the first, without a gap

    def append(self, row: int, value: Any) -> None:
        if self.rows is None and row != len(self.values):
            self.rows = array("q", range(len(self.values)))
        if self.rows is not None:
            self.rows.append(row)
        kind = kind_of(value)
        if not self.values and kind:
            self.kind, self.values = kind, array(kind)
        elif kind != self.kind and self.kind:
            self.kind, self.values = ANY, [*map(self._as_it_was, self.values)]
        self.values.append(nan if value is None and self.kind else value)

    def at(self, row: int) -> Any:
        """The value of a row, or MISSING."""
        place = row if self.rows is None else bisect_left(self.rows, row)
        if place >= len(self.values) or (self.rows is not None and self.rows[place] != row):
            return MISSING
        return self._as_it_was(self.values[place])

    def every(self, count: int) -> Iterator[Any]:
        """Of the rows from the first on, None where there is none."""
        waiting = iter(range(count) if self.rows is None else self.rows)
        place, wanted = 0, next(waiting, count)
        for row in range(count):
            if row != wanted or place >= len(self.values):
                yield None
                continue
            yield self._as_it_was(self.values[place])
            place, wanted = place + 1, next(waiting, count)

    def newest_first(self) -> Iterator[Any]:
        """Of the rows that have one."""
        return map(self._as_it_was, reversed(self.values))

    def _as_it_was(self, value: Any) -> Any:
        return None if self.kind == FLOAT and isnan(value) else value


def kind_of(value: Any) -> str:
    if value is None or (type(value) is float and not isnan(value)):
        return FLOAT
    return WHOLE if type(value) is int and -LARGEST <= value < LARGEST else ANY


class MetricRows(Sequence[dict[str, Any]]):
    def __init__(self, rows: Iterable[Mapping[str, Any]], names: Iterable[str] | None = None) -> None:
        self.columns: dict[str, Column] = {}
        self.names: set[str] = set()  # that any row has, kept or not
        self.length = 0
        kept = None if names is None else frozenset(names)
        for row in rows:
            self.names.update(row)
            for name, value in row.items():
                if kept is None or name in kept:
                    self._column(name).append(self.length, value)
            self.length += 1

    def _column(self, name: str) -> Column:
        if name not in self.columns:
            self.columns[name] = Column()
        return self.columns[name]

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        found = range(self.length)[place]
        return self._row(found) if isinstance(found, int) else [self._row(row) for row in found]

    def _row(self, row: int) -> dict[str, Any]:
        values = ((name, column.at(row)) for name, column in self.columns.items())
        return {name: value for name, value in values if value is not MISSING}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._row, range(self.length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> Iterator[Any]:
        found = self.columns.get(name)
        return iter([None] * self.length) if found is None else found.every(self.length)


def column(rows: Iterable[Mapping[str, Any]], name: str) -> Iterator[Any]:
    """Value after value, None where a row has none."""
    return rows.column(name) if isinstance(rows, MetricRows) else (row.get(name) for row in rows)


def full_column(rows: Iterable[Mapping[str, Any]], name: str) -> Iterator[Any]:
    """The same of what every row has; a RunError where one has not."""
    if isinstance(rows, MetricRows):
        missing = bool(len(rows)) and (name not in rows.columns or len(rows.columns[name].values) < len(rows))
    else:
        rows = list(rows)
        missing = any(name not in row for row in rows)
    if missing:
        raise RunError(f"every line of metrics.jsonl has {name}, and one has none: restore it")
    return column(rows, name)


def newest_first(rows: Sequence[Mapping[str, Any]], name: str) -> Iterator[Any]:
    """Values from the last row on, of the rows that have one."""
    if not isinstance(rows, MetricRows):
        return (row[name] for row in reversed(rows) if name in row)
    return rows.columns[name].newest_first() if name in rows.columns else iter(())


def names_in(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return rows.names if isinstance(rows, MetricRows) else {name for row in rows for name in row}
