from __future__ import annotations

import time
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.tasks.countdown.expression import equation
from straw.tasks.countdown.numbers import Draw


@pytest.mark.parametrize(
    ("text", "value", "numbers"),
    [
        ("(7+9)*2-4", 28, (7, 9, 2, 4)),
        (" 3 + 4 ", 7, (3, 4)),
        ("8/(4/2)", 4, (8, 4, 2)),
        ("1/3+1/2", Fraction(5, 6), (1, 3, 1, 2)),
        ("((((5))))", 5, (5,)),
        ("1/3*3", 1, (1, 3, 3)),  # which 0.333 * 3 is not
        ("0", 0, (0,)),
    ],
)
def test_values_are_exact(text: str, value: Any, numbers: Any) -> None:
    found = equation(text)
    assert found is not None and (found.value, found.numbers) == (value, numbers)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "2**9", "99**98**97", "7//2", "7%2", "-3", "+3", "3(4)", "(1,2)", "1_000", "1e9", "0x1", "1.5", "1 2",
        "1/0", "1/(2-2)", "1+2=3", "two", "__import__('os')", "[1]", "1 if 1 else 2", "3 x 4", "3×4", "٣+1", "007",
        "(1", "1)", "1\n+2", "#", "1;2", "lambda:1", "9" * 13, "1+" * 99 + "1" + "+1" * 50,
    ],
)  # fmt: skip
def test_anything_else_is_no_expression(text: Any) -> None:
    assert equation(text) is None


@pytest.mark.parametrize("text", ["9" * 100_000, "(" * 100_000, "(" * 90 + "1" + ")" * 90, "+" * 150, "1-" * 99 + "1"])
def test_long_and_deep_replies_are_read_at_once(text: Any) -> None:
    started = time.process_time()
    equation(text)
    assert time.process_time() - started < 0.05


@given(st.integers(0, 10**9))
def test_what_is_written_is_read_back(seed: Any) -> None:
    way = Draw(least=2, most=6, max_target=500).drawn(Random(seed)).way
    again = equation(str(way))
    assert again is not None and (again.value, again.numbers) == (way.value, way.numbers)
    assert str(again) == str(way)


@given(st.text(alphabet="0123456789+-*/() .=x", max_size=40))
def test_no_text_makes_it_fail(text: Any) -> None:
    found = equation(text)
    assert found is None or found.numbers


def test_the_steps_can_be_worked_out_one_by_one() -> None:
    found = equation("(7+9)*2-4/8")
    assert found is not None
    assert found.steps == ("7 + 9 = 16", "16 * 2 = 32", "4 / 8 = 1/2", "32 - 1/2 = 63/2")


def test_an_expression_of_200_characters_and_a_number_of_twelve_digits_are_read_and_no_longer_ones() -> None:
    exactly = "11" + "+1" * 99
    assert len(exactly) == 200 and equation(exactly) is not None and equation(exactly + "1") is None
    assert equation(f"{'9' * 12}+1") is not None and equation(f"{'9' * 13}+1") is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("(1+2)*3", "(1 + 2) * 3"), ("(1*2)*3", "1 * 2 * 3"), ("1-(2-3)", "1 - (2 - 3)"), ("1-(2+3)", "1 - (2 + 3)"),
        ("1+(2-3)", "1 + 2 - 3"), ("1*(2/3)", "1 * 2 / 3"), ("1/(2*3)", "1 / (2 * 3)"), ("6/(3/2)", "6 / (3 / 2)"),
        ("(1-2)-3", "1 - 2 - 3"), ("1-(2*3)", "1 - 2 * 3"), ("2*(3-1)", "2 * (3 - 1)"), ("(6/3)/2", "6 / 3 / 2"),
    ],
)  # fmt: skip
def test_an_expression_has_the_brackets_that_it_needs_and_no_others(text: str, written: str) -> None:
    assert str(equation(text)) == written


def test_a_quotient_that_is_whole_is_a_whole_number() -> None:
    found = equation("8/2"), equation("8/3")
    assert [type(one.value) for one in found if one] == [int, Fraction] and equation("\t8/2\n") == found[0]
