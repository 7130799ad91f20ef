from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.text.reading.parse import parse_bit, strict_int, strict_ints


@pytest.mark.parametrize("text", ["7", " 7\n", "07", "0007"])
def test_a_number_may_have_blanks_around_and_zeros_in_front(text: str) -> None:
    assert strict_int(text, 16) == 7


@pytest.mark.parametrize(
    "text", ["7.", "16", "-1", "+7", "", "7 7", "1_0", "7\nextra", "²", "\u0663", "0x7", "7e0", "seven", " "]
)
def test_anything_else_is_no_number_below_sixteen(text: str) -> None:
    assert strict_int(text, 16) is None


def test_a_number_of_many_thousand_digits_is_refused_and_not_computed() -> None:
    assert strict_int("9" * 10_000, 16) is None
    assert strict_int("0" * 10_000 + "7", 16) == 7


@given(st.integers(1, 10**30), st.data())
def test_every_number_of_the_range_is_read_back(N: Any, data: Any) -> None:
    number = data.draw(st.integers(0, N - 1))
    assert strict_int(str(number), N) == number
    assert strict_int(str(number + N), N) is None


@pytest.mark.parametrize(
    ("text", "bit"), [("10", 1), ("Bit: 1", 1), ("the bit is 0", 0), ("2", None), ("", None), ("\u0661", None)]
)
def test_a_bit_is_the_first_zero_or_one(text: str, bit: int | None) -> None:
    assert parse_bit(text) == bit


def test_a_sequence_is_exactly_so_many_numbers() -> None:
    assert strict_ints(" 5 09\n", 16, 2) == (5, 9)
    assert strict_ints("7", 16, 1) == (7,)


@pytest.mark.parametrize("text", ["5", "5 9 1", "5  9", "5, 9", "5\n9", "5\t9", "5 16", "5 x", "", "5 \n9"])
def test_a_sequence_written_otherwise_is_not_read(text: str) -> None:
    assert strict_ints(text, 16, 2) is None
