"""What lenient finds and compares, where its cases in `table` and `test_plain_parts` do not reach."""

from __future__ import annotations

import pytest

from straw.text.graders import grader_named, lenient
from straw.text.graders.lenient import bare, equal, equal_values, found, is_readable, needs_algebra, opened

LENIENT = grader_named("lenient")


def test_numbers_are_close_within_a_ten_thousandth_and_no_further() -> None:
    assert equal("10000.9", "10000") and equal("9999.1", "10000")
    assert not equal("10001.2", "10000") and not equal("9998.8", "10000")
    assert equal("50.004", "0.5") and not equal("50.006", "0.5")


def test_a_minus_of_a_printer_is_one_of_a_keyboard_in_reply_and_gold() -> None:
    assert LENIENT.judge("The answer is -5 dollars.", "−5 dollars")
    assert LENIENT.judge("The answer is −5 dollars.", "-5 dollars")
    assert not LENIENT.judge("The answer is 5 dollars.", "−5 dollars")


def test_the_answer_stands_between_the_first_beginning_and_the_first_end_of_minervas_phrase() -> None:
    assert found("final answer is $7, final answer is $8$. I hope so$. I hope") == "7, final answer is $8"


def test_parts_are_compared_where_both_sides_are_in_brackets() -> None:
    assert equal("(1,2)", "[1,2]") and equal("(1,2,3)", "[1,2,3]") and not equal("(1,2,3)", "[1,2,4]")
    assert not equal("(1,2)", "a1,2b") and not equal("a1,2b", "(1,2)")


def test_a_part_ends_where_a_bracket_closes_that_it_did_not_open() -> None:
    assert [opened(part) for part in ("(9))x", "[9]]x", "(9](8)]x", "f(g(9)))x")] == ["(9)", "[9]", "(9](8)", "f(g(9))"]


@pytest.mark.parametrize(
    ("said", "gold"),
    [("four", "x+1"), ("x+1", "four"), ("", "x+1"), ("x+1", ""), ("x^10000", "x+1"), ("x+1", "x^10000")],
)
def test_words_and_what_would_take_for_ever_are_asked_of_nobody(
    monkeypatch: pytest.MonkeyPatch, said: str, gold: str
) -> None:
    monkeypatch.setattr(lenient, "same_formula", lambda said, gold: pytest.fail("asked"))
    assert equal_values(said, gold) is False


def test_four_letters_in_a_row_are_a_word_and_a_command_is_none() -> None:
    assert [text for text in ("", "east", "xeast", "1 east") if needs_algebra(text)] == []
    assert [text for text in ("abc", r"\sqrt{2}", r"\infty", "1", r"abc\pi abc") if not needs_algebra(text)] == []


def test_the_signs_of_the_gold_may_be_said_and_no_unknown_others() -> None:
    assert is_readable(r"\foo", r"\foo") and is_readable("1", r"\foo") and not is_readable(r"\foo", "1")
    assert is_readable("x=1", "y=2") and not is_readable("x=1", "1") and not is_readable("1", "x=1")
    assert not is_readable("1,2", "1") and not is_readable("1", "1,2") and not is_readable(r"a\cup b", r"a\cup b")


def test_brackets_and_capitals_do_not_count() -> None:
    assert bare("{(A b)}") == "a b" and equal("{East}", "(eaST)") and not equal("[east]", "east")
