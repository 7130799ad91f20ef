from __future__ import annotations

from math import inf
from statistics import median
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.report.study.waiting import waited

from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import km_median, median_of


def test_a_censored_time_counts_as_long_as_it_was_watched() -> None:
    times, happened = np.array([3.0, 5.0, 8.0, 9.0]), np.array([True, True, False, True])
    assert km_median(times, happened) == 7  # half are left from 5 on, none behind 9


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 30))
def test_runs_that_were_watched_equally_long_have_the_plain_median(episodes: Any, cap: Any) -> None:
    times = waited(episodes, cap)
    assert km_median(times.episodes, times.happened) == median(e if e <= cap else inf for e in episodes)


def test_a_median_that_half_did_not_reach_is_said_to_be_so() -> None:
    found = median_of(waited([10, 20, 400, 500, 600], cap=300))
    assert not found.is_reached
    assert (found.happened, found.num_censored, found.longest) == (2, 3, 300)


def test_the_interval_lies_between_two_runs_and_ends_nowhere_where_one_was_censored() -> None:
    assert median_of(waited([10, 15, 20, 25, 30, 40])).interval == Interval(10, 40)
    assert median_of(waited([10, 15, 20, 25, 30, 400], cap=300)).interval == Interval(10, inf)


def test_three_runs_have_a_range_and_one_has_nothing() -> None:
    assert median_of(waited([52, 48, 60])).interval == Interval(48, 60, is_range=True)
    assert median_of(waited([52])).interval is None
