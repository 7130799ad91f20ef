from __future__ import annotations

import pytest

from straw.report.study.setting import few


@pytest.mark.parametrize(
    ("noun", "values", "words"),
    [
        ("model", [], ""),
        ("model", ["", "a", "a"], "a"),
        ("set of weights", ["all weights", "adapters of rank 4"], "all weights or adapters of rank 4"),
        ("set of weights", ["all weights", "rank 1", "rank 4"], "3 sets of weights"),
        ("model", ["a", "b", "c"], "3 models"),
    ],
)
def test_two_are_named_and_more_are_counted_in_their_plural(noun: str, values: list[str], words: str) -> None:
    assert few(noun, values) == words
