"""How deep a JSON body is nested, told before it is parsed."""

from __future__ import annotations

from time import process_time

import pytest

from straw.server.wire.body import depth


@pytest.mark.parametrize(("body", "deep"), [
    (b"", 0), (b"{}", 1), (b'[{"a": [1]}]', 3), (b"[][]", 1), (b"]]", 0), (b'"[["', 0), (b'["\\"[[", []]', 2),
    (b'["[[', 1),  # a text without an end is one all the same
])  # fmt: skip
def test_brackets_count_outside_texts(body: bytes, deep: int) -> None:
    assert depth(body) == deep


def test_a_text_without_an_end_is_read_once() -> None:
    """Twice as long once took four times as long: some eight seconds for these 80,000 bytes."""
    began = process_time()
    assert depth(b'["' + b'\\"' * 40_000) == 1
    assert process_time() - began < 0.5
