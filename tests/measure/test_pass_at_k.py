from __future__ import annotations

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.measure.accuracy import wilson
from straw.measure.pass_at_k import ks_for, mean_pass, pass_at_k


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


def test_with_one_reply_each_the_interval_is_wilsons() -> None:
    assert mean_pass([1] * 18 + [0] * 2, 1, 1) == (0.9, *wilson(18, 20))


def test_with_several_the_problems_are_drawn_anew_and_always_alike() -> None:
    mean, low, high = mean_pass([4, 0, 0, 2] * 25, 4, 1)
    assert mean == 0.375 and low < 0.375 < high
    assert (mean, low, high) == mean_pass([4, 0, 0, 2] * 25, 4, 1)
    assert mean_pass([4] * 10, 4, 2) == (1.0, 1.0, 1.0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    from random import Random

    random, held = Random(0), 0
    for _ in range(100):
        shares = [random.random() for _ in range(60)]  # the mean share is 0.5
        counts = [sum(random.random() < share for _ in range(4)) for share in shares]
        _, low, high = mean_pass(counts, 4, 1)
        held += low <= 0.5 <= high
    assert 88 <= held <= 100


def test_powers_of_two_up_to_all() -> None:
    assert [ks_for(n) for n in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4, 8]]
