"""Rows of data as questions with answers, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from straw.tasks.word_problems.fields import (
    Fields,
    choice_question,
    letter_of,
    marked_question,
    question_of,
    worked_question,
)

PLAIN = Fields()


@pytest.mark.parametrize(
    ("answer", "count", "letter"),
    [(0, 2, "A"), (3, 4, "D"), ("b", 4, "B"), (" C\n", 4, "C"), ("D", 4, "D"), (" d ", 4, "D")],
)
def test_an_answer_is_a_letter_or_a_place(answer: Any, count: int, letter: str) -> None:
    assert letter_of(answer, count) == letter


@pytest.mark.parametrize("answer", [4, -1, True, "E", "AB", "", " ", "5", 1.0, None])
def test_what_names_no_choice_is_told_with_the_letters_there_are(answer: Any) -> None:
    with pytest.raises(ValueError, match=rf"a letter up to D, or a place from 0 to 3; got {answer!r}"):
        letter_of(answer, 4)


def test_choices_stand_below_their_question_by_letter() -> None:
    row = {"question": "Which?", "choices": ["one", 2], "answer": 1}
    assert choice_question(row, PLAIN) == ("Which?\nA. one\nB. 2", ("B", ""))
    for choices in (["one"], "ab", None, [str(number) for number in range(30)]):
        with pytest.raises(ValueError, match="choices"):
            choice_question({**row, "choices": choices}, PLAIN)


def test_parts_of_a_question_end_with_a_full_stop_where_they_have_no_mark() -> None:
    row = {"a": "It rains", "b": "How long?", "c": "Say: ", "d": " why"}
    assert question_of(row, ["a", "b", "c", "d"]) == "It rains. How long? Say: why"
    assert question_of(row, ["a"]) == "It rains" and question_of({"a": "x,", "b": "y"}, ["a", "b"]) == "x, y"
    for bad in ({"a": "  "}, {"a": 3}):
        with pytest.raises(ValueError, match="'a' is to hold a text that is not empty"):
            question_of(bad, ["a"])
    with pytest.raises(ValueError, match="the field 'b' is empty"):
        question_of({"b": None}, ["b"])
    with pytest.raises(ValueError, match="the field 'e' is missing"):
        question_of(row, ["e"])


def test_an_answer_of_its_own_goes_before_a_box() -> None:
    row = {"problem": "2+3?", "solution": r" So it is \boxed{5}. ", "answer": "five"}
    fields = Fields(question=("problem",), answer="answer", solution="solution")
    assert worked_question(row, fields) == ("2+3?", ("five", r"So it is \boxed{5}."))
    boxed = Fields(question=("problem",), solution="solution")
    assert worked_question({"problem": "2+3?", "solution": r"\boxed{5}"}, boxed)[1].gold == "5"
    with pytest.raises(ValueError, match="solution has no"):
        worked_question({"problem": "2+3?", "solution": "five"}, boxed)


def test_a_gold_behind_the_marks_has_to_be_a_text() -> None:
    assert marked_question({"question": "2+3?", "answer": "It is five.\n#### 5"}, PLAIN) == (
        "2+3?",
        ("5", "It is five."),
    )
    with pytest.raises(ValueError, match="answer is to be a text with #### in it, got int"):
        marked_question({"question": "2+3?", "answer": 5}, PLAIN)


def test_what_was_named_goes_before_what_is_known() -> None:
    known = Fields(question=("question",), answer="answer", solution="solution")
    assert PLAIN.over(known) == known and known.over(Fields(question=("q",), answer="a", solution="s")) == known
    assert Fields(answer="a").over(known) == Fields(question=("question",), answer="a", solution="solution")


def test_a_question_has_two_choices_or_as_many_as_there_are_letters() -> None:
    row = {"question": "Which?", "answer": 1}
    assert choice_question({**row, "choices": ["one", "two"]}, PLAIN)[1] == ("B", "")
    text, _ = choice_question({**row, "choices": [str(number) for number in range(26)]}, PLAIN)
    assert text.endswith("\nZ. 25")
    for choices in (["one"], [str(number) for number in range(27)]):
        with pytest.raises(ValueError, match="choices is to be a list of 2 to 26 choices"):
            choice_question({**row, "choices": choices}, PLAIN)
