from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from straw.measure.shares import share_interval


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
