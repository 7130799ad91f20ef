from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.text.odd_replies import odd_replies

from straw.text.reading.extract import Answer, extract_answer


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
        ("The answer is 15, for 6 + 22 = 28", 15, False),
        ("[ANSWER] <number> = 28", 28, True),
        ("[ANSWER: 28]", 28, True),
        ("[ANSWER 28", 28, False),  # no tag
        ("[ANSWERS] 28", 28, False),
        ("I end with [ANSWER] <number>.\n1 + 2 = 3\nSo it is 28", 28, False),
        ("1 + 2 = 3. To answer 3 questions took me 28", 28, False),
        ("Here is the answer:\n12: 1 + 2 = 3\nand 25 make 28", 28, False),
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
def test_the_chain_of_three(text: str, number: int | None, has_tag: bool) -> None:
    assert extract_answer(text) == Answer(number, has_tag)


@pytest.mark.parametrize(
    ("text", "number"),
    [("[ANSWER] -5", -5), ("= −5", -5), ("it is -5", -5), ("10-5", 5), ("10 - 5", 5), ("-0", 0), ("(-5)", -5)],
)
def test_a_minus_is_a_sign_where_it_is_no_subtraction(text: str, number: int) -> None:
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
def test_a_comma_counts_where_it_marks_thousands(text: str, number: int) -> None:
    assert extract_answer(text).number == number


@pytest.mark.parametrize(("text", "number"), [("[ANSWER] 28.0", 28), ("= 28.00.", 28), ("[ANSWER] 3.5", None)])
def test_a_number_that_is_not_whole_answers_nothing(text: str, number: int | None) -> None:
    assert extract_answer(text).number == number


def test_a_number_that_no_one_would_read_out_answers_nothing() -> None:
    assert extract_answer("[ANSWER] " + "9" * 100_000).number is None


def test_a_number_of_a_hundred_digits_is_read_and_no_longer_one() -> None:
    assert extract_answer("[ANSWER] " + "9" * 100).number == 10**100 - 1
    assert extract_answer("[ANSWER] " + "9" * 101).number is None
    assert extract_answer("[ANSWER] 000" + "9" * 100).number == 10**100 - 1


def test_a_tag_whose_sentence_ends_in_a_colon_has_its_answer_on_the_next_line() -> None:
    assert extract_answer("[ANSWER] What I found is this:\n28\n30") == Answer(28, has_tag=True)
    assert extract_answer("[ANSWER] What I found is **this**: *\n28\n30").number == 28
    assert extract_answer("[ANSWER] the sum of 2 is 3, that of 4 is 5, that of both is 8, as of 9") == Answer(8, True)
    assert extract_answer("[ANSWER] I say 7\n30") == Answer(7, True)


def test_digits_of_other_scripts_are_no_number() -> None:
    assert extract_answer("[ANSWER] ٣").number is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("[ANSWER] 3 + 25 = 28", 28),
        ("[ANSWER] 28 = 3 + 25", 28),
        ("[ANSWER] 30 - 2 = 14 * 2 = 28", 28),
        ("[ANSWER] 1234 → 4321", 4321),
        ("[ANSWER] 277-96", 277),  # what it comes to is for the reply to say
        ("277-96", 96),
        ("= 277 -96", 96),
    ],
)
def test_an_equation_says_what_it_comes_to_and_an_expression_nothing(text: str, number: int) -> None:
    assert extract_answer(text).number == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("[ANSWER] 12 345 678", 12_345_678),
        ("[ANSWER] 12 345 67", 12),  # a list
        ("[ANSWER] 4 3 2 1", 4321),
        ("12 345 67", 67),
        ("[ANSWER] 12{,}345", 12_345),
        ("[ANSWER] 12\\,345", 12_345),
        ("[ANSWER] 1.234.567", 1_234_567),
        ("[ANSWER] 1.234", None),
        ("[ANSWER] 1_234", 1234),
        ("[ANSWER] 1,234 567", 1234),  # marked in two ways: two numbers
    ],
)
def test_thousands_are_marked_in_one_way(text: str, number: int | None) -> None:
    assert extract_answer(text).number == number


def test_odd_replies_are_read_as_a_person_reads_them() -> None:
    """The digits study's own reader gets 1,314 of these 1,740 right."""
    odd = list(odd_replies())
    frames = {one.frame for one in odd}
    assert len(odd) == 20 * len(frames) == 1740
    wrong = [one for one in odd if extract_answer(one.reply).number != one.number]
    assert len(wrong) <= 0.04 * len(odd), sorted({one.frame for one in wrong})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Total: 28 (7 digits)", 28),
        ("Read from behind: 4321 (from 1234)", 4321),
        ("The sum is 28 (was 3)", 28),
        ("The answer to the question 'What is 1234 reversed?' is 4321.", 4321),
        ("12 + (from 7)", 7),  # no answer stands before it
    ],
)
def test_what_an_answer_came_from_is_no_answer(text: str, number: int) -> None:
    assert extract_answer(text).number == number


def test_a_tag_is_a_tag_however_it_is_dressed() -> None:
    assert {one.frame for one in odd_replies() if extract_answer(one.reply).has_tag != one.has_tag} == set()


@pytest.mark.parametrize(
    "unit",
    [
        "[ANSWER] ",
        "\\boxed{",
        "1",
        "1, ",
        "123{,}",
        "1.234",
        "answer to [1 ",
        "the answer is ",
        "answer to the question ",
        "1 (from ",
        "= 1 + ",
        "(1 + ",
        "- ",
        " ",
    ],
)
def test_a_long_reply_takes_time_in_proportion_to_its_length(unit: str) -> None:
    """Four times the text takes four times as long; what goes back and forth takes sixteen times."""
    short, long = (cpu_of([before + unit * (size // len(unit)) for before in BEGINNINGS]) for size in (4000, 16_000))
    assert long < 9 * max(short, 0.01)


BEGINNINGS = ("", "[ANSWER] ", "the answer is ")


def cpu_of(texts: list[str]) -> float:
    """Seconds to read all of them, the better of two tries."""
    tries = []
    for _ in range(2):
        begun = time.process_time()
        for text in texts:
            extract_answer(text)
        tries.append(time.process_time() - begun)
    return min(tries)


@given(st.integers(-(10**12), 10**12), st.text(alphabet=st.characters(blacklist_categories=["Nd", "Nl", "No"])))
def test_what_is_tagged_last_is_read_back(number: Any, before: Any) -> None:
    assert extract_answer(f"{before}[ANSWER] {number}") == Answer(number, has_tag=True)
    assert extract_answer(f"{before}[ANSWER] {number:,}") == Answer(number, has_tag=True)


@given(st.text())
def test_any_text_has_an_answer_or_none(text: Any) -> None:
    extract_answer(text)
