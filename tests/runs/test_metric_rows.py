"""Rows as columns are the rows."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import RunError
from straw.runs.metric_rows import MetricRows, column, full_column, names_in, newest_first

VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from([0, 0.5, 1])
    | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4), max_size=12)


def spelled(rows: Any) -> list[str]:
    """1 is not 1.0 here, and true is not 1."""
    return [json.dumps(row, sort_keys=True) for row in rows]


@given(ROWS)
def test_what_comes_out_is_what_went_in(rows: list[dict[str, Any]]) -> None:
    kept = MetricRows(rows)
    assert spelled(kept) == spelled(rows) and kept == rows and rows == kept and len(kept) == len(rows)
    assert spelled(kept[place] for place in range(len(rows))) == spelled(rows)
    assert spelled(kept[-3:]) == spelled(rows[-3:]) and spelled(kept[1:9:2]) == spelled(rows[1:9:2])
    assert spelled(reversed(kept)) == spelled(reversed(rows))
    assert names_in(kept) == names_in(rows)
    for name in "abcde":
        assert json.dumps([*column(kept, name)]) == json.dumps([*column(rows, name)])
        assert json.dumps([*newest_first(kept, name)]) == json.dumps([*newest_first(rows, name)])


@given(ROWS)
def test_with_names_the_others_are_counted_and_not_kept(rows: list[dict[str, Any]]) -> None:
    kept = MetricRows(rows, ("a", "c"))
    assert spelled(kept) == spelled({k: v for k, v in row.items() if k in "ac"} for row in rows)
    assert kept.names == names_in(rows)


def test_other_rows_are_not_equal_and_a_place_that_is_not_there_is_an_error() -> None:
    kept = MetricRows([{"a": 1.0}, {"a": 2.0}])
    assert kept != [{"a": 1.0}] and kept != [{"a": 1.0}, {"a": 3.0}] and kept != "no rows"
    with pytest.raises(IndexError):
        kept[2]


def test_what_every_row_has_is_missed_where_one_has_not() -> None:
    for rows in ([{"a": 1, "b": 1}, {"b": 2}], [{"b": 1}, {"a": 1, "b": 2}], [{"b": 1}, {"b": 2}]):
        assert [*full_column(MetricRows(rows), "b")] == [*full_column(rows, "b")] == [1, 2]
        for kind in (MetricRows(rows), rows):
            with pytest.raises(RunError, match="has a, and one has none"):
                list(full_column(kind, "a"))
    assert [*full_column(MetricRows([]), "a")] == []


def test_a_number_takes_about_eight_bytes() -> None:
    def made(step: int) -> Mapping[str, Any]:
        draw = random.Random(step)
        seldom = {"bits": draw.random()} if step % 10 == 0 else {}
        return {"step": step, **{f"metric {name}": draw.random() for name in range(30)}, **seldom}

    tracemalloc.start()
    kept = MetricRows(map(made, range(20_000)))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept[19_999] == made(19_999) and kept[4] == made(4)
    assert taken < 1.3 * 8 * 31 * 20_000
