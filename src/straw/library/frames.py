"""Rows as people want them: dicts, a column, a frame of pandas or polars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, overload

from straw.errors import ConfigError

Row = dict[str, Any]


class Table:
    """Rows that stand in a file, read anew whenever they are asked for: a run may still be writing.

    >>> table = straw.Table(lambda: [{"step": 0, "reward": 0.5}, {"step": 1, "reward": 1.0}])
    >>> table["reward"], table[-1]["step"], len(table)
    ([0.5, 1.0], 1, 2)
    """

    def __init__(self, read: Callable[[], Iterable[Row]], name: str = "rows") -> None:
        self._read, self._name = read, name

    def __iter__(self) -> Iterator[Row]:
        return iter(self._read())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Row | list[Row] | list[Any]:
        """A row or some by number, or a column by name: None where a row has no such value."""
        return [row.get(key) for row in self] if isinstance(key, str) else list(self)[key]

    def to_list(self) -> list[Row]:
        """Every row as a dict, what stands in it as it was written."""
        return list(self)

    def to_pandas(self) -> Any:
        """A pandas DataFrame; what lies inside a value becomes a column of its own: rewards/binary."""
        return package("pandas").DataFrame([flat(row) for row in self])

    def to_polars(self) -> Any:
        """The same of polars."""
        rows = [flat(row) for row in self]
        return package("polars").DataFrame(rows, infer_schema_length=None, strict=False)

    def __repr__(self) -> str:
        return f"<{len(self)} {self._name}: to_list(), to_pandas(), to_polars()>"


def package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ConfigError(
            f"a frame is made by {name}, which is not installed: pip install {name}, or to_list()"
        ) from None


def flat(row: Mapping[str, Any], before: str = "") -> Row:
    """Example: flat({"step": 1, "rewards": {"binary": 1.0}}) == {"step": 1, "rewards/binary": 1.0}"""
    found: Row = {}
    for name, value in row.items():
        found |= flat(value, f"{before}{name}/") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found
