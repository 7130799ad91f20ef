from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import comb
from scipy.stats import binom, binomtest

from straw.measure.shares import acceptable, chances, log_ways, lowest, share_interval, share_with_tail


def test_18_of_20_and_none_and_all_of_20() -> None:
    assert share_interval(18, 20) == pytest.approx((0.684, 0.982), abs=0.001)
    assert share_interval(0, 20) == pytest.approx((0, 0.160), abs=0.001)
    assert share_interval(20, 20) == pytest.approx((0.840, 1), abs=0.001)


@pytest.mark.parametrize("asked", [1, 2, 5, 8, 20, 60])
def test_every_share_is_held_in_95_of_a_hundred_and_none_needs_a_simulation(asked: int) -> None:
    """All outcomes are few enough to count."""
    intervals = np.array([share_interval(right, asked) for right in range(asked + 1)])
    shares = np.linspace(0.0005, 0.9995, 1000)[:, None]
    held = (intervals[:, 0] <= shares) & (shares <= intervals[:, 1])
    chances = (binom.pmf(np.arange(asked + 1), asked, shares) * held).sum(axis=1)
    assert chances.min() >= 0.95
    assert chances.mean() <= {1: 1.0, 2: 0.995, 5: 0.985, 8: 0.98}.get(asked, 0.97)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), st.data())
def test_it_holds_what_was_seen_and_is_never_wider_than_clopper_and_pearsons(asked: Any, data: Any) -> None:
    right = data.draw(st.integers(0, asked))
    low, high = share_interval(right, asked)
    assert 0 <= low <= right / asked + 1e-12 and right / asked - 1e-12 <= high <= 1
    wide = binomtest(right, asked).proportion_ci(method="exact")
    assert wide.low - 1e-6 <= low and high <= wide.high + 1e-6


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 200), st.data())
def test_right_and_wrong_change_places(asked: Any, data: Any) -> None:
    right = data.draw(st.integers(0, asked))
    low, high = share_interval(right, asked)
    assert share_interval(asked - right, asked) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_more_right_than_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="got 3 of 2"):
        share_interval(3, 2)
    with pytest.raises(ValueError, match="asked >= 1"):
        share_interval(0, 0)


@pytest.mark.parametrize(("right", "asked"), [(1, 2), (3, 7), (18, 20), (1, 50), (30, 64), (199, 200)])
def test_an_end_is_where_an_outcome_stops_to_be_acceptable(right: int, asked: int) -> None:
    """Blaker's definition by scipy: the smaller tail, and the largest tail on the other side that is no likelier."""

    def acceptable(p: float) -> float:
        below, above = binom.cdf(np.arange(asked + 1), asked, p), binom.sf(np.arange(asked + 1) - 1, asked, p)
        tail = min(below[right], above[right])
        others = above if below[right] <= above[right] else below
        return float(tail + max([one for one in others if one <= tail * (1 + 1e-9)], default=0.0))

    low, high = share_interval(right, asked)
    for end, inwards in ((low, 1e-6), (high, -1e-6)):
        assert acceptable(end + inwards) > 0.05 >= acceptable(end - inwards)


def test_chances_are_those_of_a_binomial_at_both_ends_too() -> None:
    found = chances(np.array([0.0, 0.3, 1.0]), 5)
    assert found == pytest.approx(np.array([binom.pmf(np.arange(6), 5, share) for share in (0.0, 0.3, 1.0)]))
    assert log_ways(7) == pytest.approx(np.log(comb(7, np.arange(8)))) and log_ways(1).tolist() == [0, 0]


@pytest.mark.parametrize(("right", "asked", "tail"), [(1, 1, 0.05), (3, 7, 0.025), (7, 7, 0.05), (60, 64, 0.3)])
def test_a_share_with_a_tail_has_it(right: int, asked: int, tail: float) -> None:
    assert binom.sf(right - 1, asked, share_with_tail(right, asked, tail)) == pytest.approx(tail, abs=1e-6)


def test_acceptability_is_the_upper_tail_and_the_largest_lower_tail_that_is_no_likelier() -> None:
    """3 of 4 at a third: P(X >= 3) = 1/9, and no lower tail is as small; at 0.6: 0.4752, and P(X <= 2) is 0.5248."""
    third, more = acceptable(np.array([1 / 3, 0.6]), 3, 4)
    assert third == pytest.approx(1 / 9)
    assert more == pytest.approx(0.4752 + (0.4**4 + 4 * 0.6 * 0.4**3))
    assert acceptable(np.array([0.5]), 1, 2)[0] == pytest.approx(1)  # 3/4 and 3/4: never above 1


def test_two_tails_that_are_equal_are_both_counted() -> None:
    """Of fair coins 4 of 5 are as unlikely as 1 of 5."""
    assert acceptable(np.array([0.5]), 4, 5)[0] == pytest.approx(2 * 6 / 32)


def test_none_right_may_be_a_share_of_nothing_and_one_may_not() -> None:
    assert lowest(0, 5) == 0.0 and 0 < lowest(1, 5) < 0.05
    assert share_interval(1, 1) == pytest.approx((0.05, 1)) and share_interval(0, 1) == pytest.approx((0, 0.95))
