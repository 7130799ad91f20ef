"""The numbers of a run by name, in little memory however long it runs.

    columns.take({"step": 3, "episodes": 12, "reward": 0.5})
    columns.curve("reward")     steps and values; each point is the mean of `stride` rows

Only the few numbers of the list are kept as curves from the start; another is kept as soon as somebody opens it, and
then the file is read once more. When a curve has too many points each two become one, and from there on twice as many
rows make a point. So a run of a million steps has a few hundred points a curve, and the newest is never older than the
last row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from straw.report.curves.curve import is_number
from straw.runs.metrics import MEASURED
from straw.text.shown.visible import visible

SPARKS = 48  # points of a sparkline
MOST_POINTS = 400  # of a curve; half as many after it was thinned
ALWAYS = ("episodes", "time_s", "reward", *MEASURED)
MOST_NAMES, LONGEST_NAME = 200, 120  # of a run; ours have seventy


@dataclass(slots=True)
class Column:
    """One number against the step."""

    steps: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    stride: int = 1  # rows of a point
    _waiting: int = 0  # rows of the point that is not full yet
    _sum: float = 0.0
    _step: float = 0.0
    last: float = 0.0
    rows: int = 0

    def take(self, step: float, value: float) -> None:
        self.rows += 1
        self._waiting += 1
        self._sum += value
        self._step = step
        self.last = value
        if self._waiting == self.stride:
            self.steps.append(step)
            self.values.append(self._sum / self.stride)
            self._waiting, self._sum = 0, 0.0
            if len(self.steps) >= MOST_POINTS:
                self._thin()

    def _thin(self) -> None:
        """A point is at the last of its steps, as it is while it fills."""
        self.steps = self.steps[1::2]
        self.values = array("d", [(a + b) / 2 for a, b in zip(self.values[::2], self.values[1::2], strict=True)])
        self.stride *= 2

    def __len__(self) -> int:
        """Points that will not change any more."""
        return len(self.steps)

    @property
    def spark_size(self) -> int:
        """Points of which a sparkline makes one."""
        return max(1, -(-len(self) // SPARKS))

    def since(self, place: int) -> tuple[list[float], list[float]]:
        """The points from a place on, and the one that still fills."""
        steps, values = self.steps[place:].tolist(), self.values[place:].tolist()
        if self._waiting:
            steps.append(self._step)
            values.append(self._sum / self._waiting)
        return steps, values


class Columns:
    """The numbers of a run: the last of each, and the curves that somebody looks at."""

    def __init__(self, names: Iterable[str] = ALWAYS) -> None:
        self.by_name: dict[str, Column] = {name: Column() for name in names}
        self.newest: dict[str, Any] = {}  # the last value of every name
        self.rows, self.left_out = 0, 0  # left_out: rows with names beyond the most
        self.last_step: float | None = None

    def take(self, row: Mapping[str, Any]) -> None:
        step: Any = row.get("step")
        if not is_number(step):
            return
        self.rows, self.last_step = self.rows + 1, step
        if len(row) > MOST_NAMES or len(self.newest) > MOST_NAMES:
            self.left_out += 1
            row = dict(islice(row.items(), MOST_NAMES))
            self.newest = {name: row.get(name, value) for name, value in self.newest.items()} or dict(row)
        else:
            self.newest.update(row)
        for name, column in self.by_name.items():
            value: Any = row.get(name)
            if is_number(value):
                column.take(step, value)

    def has(self, name: str) -> bool:
        return bool(self.by_name[name].rows) if name in self.by_name else is_number(self.newest.get(name))

    def can_be(self, name: str) -> bool:
        """Whether this could be a curve, and asked for by this name."""
        return is_number(self.newest.get(name)) and is_plain(name)

    def last(self, name: str) -> float | None:
        """The newest value of a curve."""
        column = self.by_name.get(name)
        return column.last if column and column.rows else None

    @property
    def names(self) -> list[str]:
        """Of everything that could be a curve."""
        return sorted(filter(self.can_be, self.newest))

    def sparkline(self, name: str) -> list[float]:
        """A curve in a few numbers of four digits, of full points alone: so it changes seldom."""
        column = self.by_name.get(name)
        if column is None:
            return []
        size = column.spark_size
        starts = range(0, len(column) - size + 1, size)
        return [float(f"{sum(column.values[at : at + size]) / size:.4g}") for at in starts]


def is_plain(name: str) -> bool:
    return len(name) <= LONGEST_NAME and visible(name) == name
