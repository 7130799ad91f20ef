from __future__ import annotations

from math import inf
from statistics import median
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.report.study.waiting import waited

from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import endless, km_median, median_of, middle


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


def test_no_run_has_no_median_and_none_that_happened_an_endless_one() -> None:
    assert median_of(waited([])) is None
    found = median_of(waited([10, 20, 40], cap=5))
    assert (found.value, found.happened, found.total, found.longest) == (inf, 0, 3, 5)


def test_what_has_not_happened_may_take_for_ever() -> None:
    assert endless(waited([10, 400, 20], cap=300)).tolist() == [10, inf, 20]


def test_a_median_lies_between_the_first_time_with_half_left_and_the_first_with_less() -> None:
    at = np.array([3.0, 5, 8, 9])
    assert middle(at, np.array([0.75, 0.5, 0.5, 0.0])) == (5 + 9) / 2
    assert middle(at, np.array([0.8, 0.6, 0.4, 0.2])) == 8
    assert middle(at, np.array([0.75, 0.5 + 1e-12, 0.5 - 1e-12, 0.25])) == (5 + 9) / 2  # rounding is no less than half
    assert middle(at, np.array([0.9, 0.8, 0.7, 0.5])) == inf  # half are left for ever
    assert middle(at, np.array([0.9, 0.8, 0.7, 0.6])) == inf


def test_the_interval_counts_runs_of_one_secret_once() -> None:
    times: Any = waited([10, 20, 30, 40, 50, 60, 70, 80])
    for run in times.runs:
        run.secret, run.seed = str(int(run.secret) // 2), str(int(run.secret) % 2)
    assert median_of(times).interval == Interval(10, 80, is_range=True)
