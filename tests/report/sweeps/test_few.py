from __future__ import annotations

from math import inf
from random import Random
from statistics import median

import pytest
from scipy.stats import binom

from straw.report.study.statistics.intervals import ranks
from straw.report.sweeps.few import few_of


def test_six_times_are_the_fewest_with_an_interval_and_it_is_from_end_to_end() -> None:
    """All six on one side of the median: 2 / 64 = 3.1%."""
    assert [few_of(range(count), watched=99).is_sure for count in (1, 5, 6)] == [False, False, True]
    assert str(few_of([1, 2, 3, 4, 5, 6], watched=99)) == "4 [1, 6]"  # 3.5, told in whole episodes
    assert str(few_of([1, 2, 3, 4, 5, 6, 7, 8, 9], watched=99)) == "5 [2, 8]"


def test_a_median_with_its_interval_reads_as_a_person_would_write_it() -> None:
    found = few_of([40, 48, 56, 64, 88, 72], watched=240)
    assert (found.value, found.low, found.high, found.is_sure) == (60, 40, 88, True)
    assert str(found) == "60 [40, 88]"


def test_a_time_that_nobody_saw_the_end_of_is_longer_than_was_watched() -> None:
    assert str(few_of([40, 48, 56, 64, 88, inf], watched=240)) == "60 [40, >240]"
    assert str(few_of([40, 48, 56, inf, inf, inf], watched=240)) == ">240 [40, >240]"


def test_fewer_than_six_have_a_range_with_their_number_and_no_median() -> None:
    assert str(few_of([40, 1200], watched=2000)) == "40, 1,200 (2)"
    assert not few_of([1, 2, 3, 4, 5], watched=9).is_sure


@pytest.mark.parametrize("count", [6, 9, 16])
def test_intervals_hold_their_word_on_times_of_a_known_median(count: int) -> None:
    """Exponential waits: the true median is ln 2. 4,000 studies."""
    rng = Random(count)
    studies = [[rng.expovariate(1) for _ in range(count)] for _ in range(4000)]
    found = [few_of(times, watched=inf) for times in studies]
    held = sum(one.low <= 0.6931 <= one.high for one in found) / len(found)
    low, high = ranks(count)
    promised = binom.cdf(high - 1, count, 0.5) - binom.cdf(low - 1, count, 0.5)
    assert held >= 0.94 and held == pytest.approx(promised, abs=0.012)
    assert found[0].value == median(studies[0])
