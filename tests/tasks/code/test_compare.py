"""Outputs are compared by LiveCodeBench's rules."""

from __future__ import annotations

import time

import pytest

from straw.sandbox.programs import Call, Said, Script
from straw.tasks.code.compare import is_right, same_output

# Verdicts of the two rules of LiveCodeBench's runner, applied by hand: a line is equal when it is stripped, or when
# both are numbers that Decimal finds equal; the number of lines has to be the same.
CASES = [
    ("3\n", "3", True),
    ("3", " 3 \n\n", True),
    ("a\nb", "a \n b\n", True),
    ("a\n\nb", "a\nb", False),
    ("1 2 3", "1  2\t3", True),
    ("1.0", "1", True),
    ("0.1", "0.10000", True),
    ("0.1", "0.1000000001", False),
    ("1e3", "1000", True),
    ("50000000000000000", "50000000000000001", False),
    ("Yes", "yes", False),
    ("1 a", "1  a", False),
    ("1", "1 1", False),
    ("1\n2", "1 2", False),
    ("", "", True),
    ("NaN", "nan", False),
    ("x", "", False),
]


@pytest.mark.parametrize(("expected", "said", "verdict"), CASES)
def test_outputs(expected: str, said: str, verdict: bool) -> None:
    assert same_output(expected, said) is verdict


def test_a_script_ends_in_good_order() -> None:
    assert is_right(Script(""), "3", Said("exited", 0, "3\n"))
    for said in (Said("exited", 1, "3\n"), Said("time", 0, "3\n"), Said("output", 0, "3\n"), Said("value", 0, "3\n")):
        assert not is_right(Script(""), "3", said)


def test_a_value_that_is_none_is_no_missing_value() -> None:
    call = Call("f", ())
    assert is_right(call, None, Said("value", 0, '{"value": null}'))
    for said in (
        Said("value", 0, '{"error": "x"}'),
        Said("time", 0, ""),
        Said("value", 0, "null"),
        Said("value", 0, "{"),
    ):
        assert not is_right(call, None, said)


def test_numbers_without_end_cost_nothing() -> None:
    begun = time.process_time()
    for line in ("9" * 1_000_000, "1e999999999 " * 1000, "1" * 90_000, "1e999999999999999999999", "sNaN"):
        assert not same_output("1", line)
        assert not same_output("1e99999", line)
    assert time.process_time() - begun < 2


def test_a_line_of_a_hundred_thousand_characters_is_read_as_numbers_and_no_longer_one() -> None:
    for length, is_same in ((100_000, True), (100_001, False)):
        assert same_output("1.0".ljust(length, "0"), "1") is is_same
        assert same_output("1.0".ljust(length, "0"), "1.0".ljust(length, "0"))


@pytest.mark.parametrize(
    ("end", "code", "is_right_"), [("exited", 0, True), ("exited", 1, False), ("killed", 0, False)]
)
def test_a_script_has_to_end_in_good_order(end: str, code: int, is_right_: bool) -> None:
    assert is_right(Script("3"), "6", Said(end=end, code=code, out="6\n")) is is_right_  # type: ignore[arg-type]
