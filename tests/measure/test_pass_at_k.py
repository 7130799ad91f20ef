from __future__ import annotations

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.measure.pass_at_k import ks_for, mean_pass, pass_at_k
from straw.measure.shares import share_interval


def test_one_right_of_four_by_hand() -> None:
    assert [pass_at_k(1, 4, k) for k in (1, 2, 4)] == [0.25, 0.5, 1.0]


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_it_is_the_share_of_all_subsets_with_a_right_reply(case: tuple[int, int, int]) -> None:
    right, replies, k = case
    subsets = list(combinations([True] * right + [False] * (replies - right), k))
    assert isclose(pass_at_k(right, replies, k), sum(map(any, subsets)) / len(subsets))


def test_more_right_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="got 3 of 2"):
        pass_at_k(3, 2, 1)


def test_with_one_reply_each_the_interval_is_that_of_a_share() -> None:
    assert mean_pass([1] * 18 + [0] * 2, 1, 1) == (0.9, *share_interval(18, 20))


def test_whether_any_of_all_replies_is_right_is_one_question_a_problem() -> None:
    assert mean_pass([4, 1, 0, 2] * 5, 4, 4) == (0.75, *share_interval(15, 20))


def test_with_several_replies_the_interval_is_always_alike_and_holds_the_mean() -> None:
    mean, low, high = mean_pass([4, 0, 0, 2] * 25, 4, 1)
    assert mean == 0.375 and low < 0.375 < high
    assert (mean, low, high) == mean_pass([4, 0, 0, 2] * 25, 4, 1)


def test_none_right_of_many_replies_is_not_said_to_be_none_at_all() -> None:
    """Twenty problems with sixteen replies each may still be twenty in which one in ten is easy."""
    mean, low, high = mean_pass([0] * 20, 16, 1)
    assert (mean, low) == (0, 0) and 0.05 < high < 0.17
    mean, low, high = mean_pass([4] * 10, 4, 2)
    assert (mean, high) == (1, 1) and low < 0.9


def test_powers_of_two_up_to_all() -> None:
    assert [ks_for(n) for n in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4, 8]]
