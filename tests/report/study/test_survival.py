from __future__ import annotations

from math import inf
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, logrank
from tests.report.study.waiting import waited

from straw.report.study.survival import km_median, km_medians, median_of, same_pace


def test_a_censored_time_counts_as_long_as_it_was_watched():
    times = waited([3, 5, 9, 9])
    times = times._replace(episodes=np.array([3.0, 5.0, 8.0, 9.0]), happened=np.array([True, True, False, True]))
    assert km_median(times) == 7  # half are left from 5 on, none behind 9


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 30))
def test_runs_that_were_watched_equally_long_have_the_plain_median(episodes, cap):
    plain = median(e if e <= cap else inf for e in episodes)
    assert km_median(waited(episodes, cap)) == plain


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=10),
    st.lists(st.integers(0, 3), min_size=10, max_size=10),
)
def test_a_weight_is_as_good_as_that_many_runs(listed, counts):
    counts = counts[: len(listed)]
    many = [one for one, count in zip(listed, counts, strict=True) for _ in range(count)]
    if not many:
        return
    alone, repeated = (
        waited([time for time, _ in some])._replace(happened=np.array([happened for _, happened in some]))
        for some in (listed, many)
    )
    (weighted,) = km_medians(alone, np.array([counts], float))
    assert weighted == pytest.approx(km_median(repeated))


def test_a_median_that_half_did_not_reach_is_said_to_be_so():
    found = median_of(waited([10, 20, 400, 500, 600], cap=300))
    assert not found.is_reached
    assert (found.happened, found.num_censored, found.longest) == (2, 3, 300)


def test_the_interval_holds_the_median_and_ends_nowhere_where_many_were_censored():
    found = median_of(waited([10, 20, 30, 400, 500, 15, 25], cap=300))
    assert found.interval.low <= found.value <= found.interval.high == inf
    assert median_of(waited([10, 20])).interval is None


def test_equal_runs_have_equal_intervals():
    assert median_of(waited(range(10, 30))) == median_of(waited(range(10, 30)))


@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=12),
    st.lists(st.integers(1, 20), min_size=2, max_size=12),
    st.integers(2, 20),
)
def test_of_two_samples_the_log_rank_test_is_scipys(one, other, cap):
    samples = waited(one, cap), waited(other, cap)
    ours = same_pace(*samples)
    with np.errstate(invalid="ignore"):
        theirs = logrank(*(CensoredData(t.episodes[t.happened], right=t.episodes[~t.happened]) for t in samples)).pvalue
    assert ours == pytest.approx(theirs) if ours is not None else np.isnan(theirs)


def test_three_samples_of_one_pace_are_told_apart_once_in_twenty():
    rng = np.random.default_rng(0)
    found = [same_pace(*(waited(rng.geometric(0.05, 30), 80) for _ in range(3))) for _ in range(400)]
    assert 8 <= sum(p < 0.05 for p in found) <= 34  # 20 are expected, and 99.8% of such tests lie between
    slower = [waited(rng.geometric(rate, 30), 80) for rate in (0.05, 0.05, 0.01)]
    assert same_pace(*slower) < 0.001


def test_the_log_rank_test_tells_fast_from_slow():
    fast, slow = waited(range(10, 30)), waited(range(60, 80), cap=75)
    assert same_pace(fast, slow) < 0.001
    assert same_pace(fast, fast) == pytest.approx(1)
    assert same_pace(waited([9], cap=1), waited([9], cap=1)) is None
    assert same_pace(waited([9, 9]), waited([9, 9])) is None
