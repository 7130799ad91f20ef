from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.text.extract import Answer, extract_answer


@pytest.mark.parametrize(
    ("text", "number", "has_tag"),
    [
        # the tag comes first, wherever it stands
        ("1 + 2 = 3\n[ANSWER] 28", 28, True),
        ("[ANSWER] 28 because 1 + 2 = 3", 28, True),
        ("[ANSWER] 12 no, [ANSWER] 28", 28, True),
        ("[ANSWER]28", 28, True),
        ("[ANSWER]\n28.", 28, True),
        ("[ANSWER] 0021", 21, True),
        # then what is stated
        ("The answer is 28, I think. There were 3 numbers.", 28, False),
        ("the answer is: 28", 28, False),
        ("6 + 9 = 15 and 15 + 13 = 28 for 3 numbers", 28, False),
        ("6 + 9 = 15. The answer is 28.", 28, False),
        ("The answer is 15, for 6 + 22 = 28", 28, False),
        ("[ANSWER] <number> = 28", 28, False),
        # then any number
        ("28", 28, False),
        ("digits 1, 2, 3 make 28!", 28, False),
        ("[123, 45, 67]", 67, False),
        # no number at all
        ("", None, False),
        ("[ANSWER] twenty-eight", None, False),
        ("the answer is ...", None, False),
    ],
)
def test_the_chain_of_three(text, number, has_tag):
    assert extract_answer(text) == Answer(number, has_tag)


@pytest.mark.parametrize(
    ("text", "number"),
    [("[ANSWER] -5", -5), ("= −5", -5), ("it is -5", -5), ("10-5", 5), ("10 - 5", 5), ("-0", 0), ("(-5)", -5)],
)
def test_a_minus_is_a_sign_where_it_is_no_subtraction(text, number):
    assert extract_answer(text).number == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("[ANSWER] 1,234,567", 1_234_567),
        ("= 12,345", 12_345),
        ("1,2,3", 3),
        ("123, 456", 456),
        ("1234,567", 567),  # no thousands: these have three digits in front of every comma but the first
        ("[ANSWER] 28, done", 28),
    ],
)
def test_a_comma_counts_where_it_marks_thousands(text, number):
    assert extract_answer(text).number == number


@pytest.mark.parametrize(("text", "number"), [("[ANSWER] 28.0", 28), ("= 28.00.", 28), ("[ANSWER] 3.5", None)])
def test_a_number_that_is_not_whole_answers_nothing(text, number):
    assert extract_answer(text).number == number


def test_a_number_that_no_one_would_read_out_answers_nothing():
    assert extract_answer("[ANSWER] " + "9" * 100_000).number is None


def test_digits_of_other_scripts_are_no_number():
    assert extract_answer("[ANSWER] ٣").number is None


@given(st.integers(-(10**12), 10**12), st.text(alphabet=st.characters(blacklist_categories=["Nd", "Nl", "No"])))
def test_what_is_tagged_last_is_read_back(number, before):
    assert extract_answer(f"{before}[ANSWER] {number}") == Answer(number, has_tag=True)
    assert extract_answer(f"{before}[ANSWER] {number:,}") == Answer(number, has_tag=True)


@given(st.text())
def test_any_text_has_an_answer_or_none(text):
    extract_answer(text)
