from __future__ import annotations

import pytest

from straw.report.study.formatting import NONE, three


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234"),
        (0.012345, "0.0123"),
        (12.3, "12.3"),
        (0.0, "0"),
        (float("nan"), NONE),
        (float("inf"), "more"),
        (-float("inf"), "less"),
    ],
)
def test_three_digits_or_a_word(value: float, text: str) -> None:
    assert three(value) == text
