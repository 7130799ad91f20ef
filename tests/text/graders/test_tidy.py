"""What lenient takes off both sides of a comparison, rule by rule."""

from __future__ import annotations

import pytest

from straw.text.graders.tidy import number_from, tidied, without_last_words, without_units

NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def test_every_number_word_is_its_number() -> None:
    assert [number_from(word) for word in NUMBER_WORDS.split()] == [str(number) for number in range(20)]
    assert [number_from(word) for word in TENS.split()] == [str(number) for number in range(20, 100, 10)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("two billion", "2000000000"), ("three million", "3000000"), ("four thousand", "4000"),
        ("five hundred six", "506"), ("two thousand three hundred four", "2304"), ("a hundred million", "100000000"),
        ("one billion two million three thousand four hundred five", "1002003405"),
    ],
)  # fmt: skip
def test_scales_multiply_what_stands_before_them_and_add_up(text: str, number: str) -> None:
    assert number_from(text) == number


def test_number_words_make_no_more_than_ten_to_the_thirtieth_and_stay_words_beyond() -> None:
    assert number_from("hundred " * 15) == str(10**30)
    beyond = "ten " + "hundred " * 15
    assert number_from(beyond) == beyond
    assert number_from("two thousand " + beyond) == "two thousand " + beyond


def test_blanks_around_an_answer_hide_no_full_stop() -> None:
    assert tidied("  east. ") == "east" and tidied("\teast.\n") == "east"


def test_words_at_the_end_go_where_something_stands_before_them() -> None:
    assert without_last_words(r"3 \text{ apples}") == "3 "
    assert without_last_words(r"\text{east}") == "" and tidied(r"\text{east}") == "east"
    assert tidied(r"\! \text{east}") == "east"  # a blank is nothing
    assert without_last_words(r"3 \text{ apples} left") == r"3 \text{ apples} left"
    assert tidied(r"3\text{ or }4") == "3or4"
    assert without_last_words("x^{2}") == "x^{2}"


def test_what_stands_in_an_mbox_goes_and_what_stands_in_a_text_stays() -> None:
    assert tidied(r"18\mbox{ dollars}") == "18" and tidied(r"18\text{ dollars}x") == "18dollarsx"


def test_units_are_no_part_of_a_number_however_many_there_are_and_a_unit_alone_stays() -> None:
    assert without_units("5 km").strip() == "5" and without_units("5 km km km").strip() == "5"
    assert without_units("5 apples per day").strip() == "5"
    assert without_units("km") == "km" and without_units("5 kmx") == "5 kmx"
