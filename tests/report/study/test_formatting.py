from __future__ import annotations

from math import inf

import pytest
from tests.report.study.in_memory import cell_of, run_of

from straw.report.study.formatting import (
    NONE,
    counted,
    estimate,
    listed,
    middle,
    opening,
    solved,
    spread,
    three,
    within,
    work_of,
)
from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import Median
from straw.report.study.totals import Estimate


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
        (-1234.5, "-1,234"),
        (99.95, "100"),
        (999.6, "1,000"),
        (0.0000123456, "0.0000123"),
        (-0.00002, "-0.00002"),
        (1.2e-9, "0.0000000012"),
        (1.234e-12, "1.23e−12"),
    ],
)
def test_three_digits_or_a_word(value: float, text: str) -> None:
    assert three(value) == text


def test_equal_values_are_one_number_and_others_their_ends() -> None:
    assert (spread([8, 8, 8]), spread([8]), spread([8, 12, 10]), spread([12, 8])) == ("8", "8", "8 to 12", "8 to 12")


@pytest.mark.parametrize(
    ("interval", "form", "text"),
    [
        (None, "", ""),
        (Interval(0.97, 1.07), "", " [0.97, 1.07]"),
        (Interval(8, 8), "", " [8, 8]"),  # an interval of no width says that it has none
        (Interval(48, 60, is_range=True), "", " (48 to 60)"),
        (Interval(48, 48, is_range=True), "", ""),  # and a range of no width nothing
        (Interval(0.5, 1.25), ".2f", " [0.50, 1.25]"),
        (Interval(0.5, inf), ".2f", " [0.50, more]"),
        (Interval(-inf, 0.5), ".2f", " [less, 0.50]"),
    ],
)
def test_intervals_stand_in_brackets_and_ranges_in_parentheses(interval: Interval, form: str, text: str) -> None:
    assert within(interval, form) == text


def test_an_estimate_is_a_number_with_its_interval_or_a_dash() -> None:
    assert estimate(None) == NONE == "–"
    assert estimate(Estimate(3.75, Interval(3.5, 4), 6)) == "3.75 [3.5, 4]"


def median(value: float, interval: Interval | None = None) -> Median:
    return Median(value=value, interval=interval, happened=2, total=5, longest=6144.0)


def test_a_median_is_told_with_its_interval_or_how_long_was_watched() -> None:
    assert (middle(None), solved(None)) == (NONE, NONE)
    assert middle(median(640, Interval(420, inf))) == "640 [420, more]"
    assert middle(median(inf)) == "not reached by half in 6,144"
    assert solved(median(inf)) == "2 of 5"


def test_what_a_learner_does_beside_its_episodes_is_told_or_not_counted() -> None:
    columns = {"updates": ([4, 8], [8.0, 6.0]), "unpaid_draws": ([4], [4096.0])}
    assert work_of(cell_of(run_of(columns, step=2))) == ["14", NONE]


def test_words_are_listed_with_commas_or_semicolons() -> None:
    assert (listed([]), listed(["a"]), listed(["a", "b"])) == ("", "a", "a and b")
    assert listed(["a", "b", "c"]) == "a, b and c" and listed(iter("abcd")) == "a, b, c and d"
    assert listed(["a, x", "b", "c"]) == "a, x; b; c"


def test_one_is_one_and_others_are_several() -> None:
    assert [counted(count, "run") for count in (0, 1, 2, 1200)] == ["0 runs", "1 run", "2 runs", "1,200 runs"]
    assert [counted(count, "set", "sets of it") for count in (1, 2)] == ["1 set", "2 sets of it"]


def test_a_sentence_begins_with_a_capital_and_keeps_the_rest() -> None:
    assert (opening("log distance, N = 4"), opening("")) == ("Log distance, N = 4", "")
