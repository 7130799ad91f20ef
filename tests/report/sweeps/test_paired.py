from __future__ import annotations

from math import inf, isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.report.sweeps.paired import MOST_WAYS, against, sure, swapped_p, t_quantile

SOME = st.lists(st.floats(-1, 1), min_size=1, max_size=8)


@pytest.mark.parametrize(("freedom", "told"), [(1, 12.706), (2, 4.303), (3, 3.182), (7, 2.365), (11, 2.201), (60, 2.0)])
def test_the_quantiles_of_student_are_those_of_the_tables(freedom: int, told: float) -> None:
    assert t_quantile(freedom) == pytest.approx(told, abs=0.012 if freedom == 3 else 0.001)


@pytest.mark.parametrize(("freedom", "near"), [(11, 1e-5), (30, 1e-7), (60, 2e-9)])
def test_every_term_of_a_quantile_is_right(freedom: int, near: float) -> None:
    """Beside scipy, so near that no coefficient could be another."""
    stats = pytest.importorskip("scipy.stats", reason="scipy belongs to the extra report")
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=near)
    assert t_quantile(freedom, 0.9) == pytest.approx(stats.t.ppf(0.9, freedom), abs=near)


def test_a_mean_of_three_by_hand() -> None:
    middle, low, high = sure([1, 2, 3])
    assert (middle, high - middle, middle - low) == pytest.approx((2, 4.303 / 3**0.5, 4.303 / 3**0.5), abs=0.001)


def test_one_value_tells_nothing_about_others() -> None:
    assert sure([0.5]) == (0.5, -inf, inf)
    assert isnan(sure([]).mean)


def test_of_eight_ways_to_swap_two_are_as_far_apart_as_all_for_one() -> None:
    assert swapped_p([1, 2, 3]) == 2 / 8
    assert swapped_p([1, -1]) == 1


def test_only_seeds_that_both_have_are_compared() -> None:
    found = against({0: 0.5, 1: 0.7, 2: 0.1}, {0: 0.4, 1: 0.5, 3: 0.9})
    assert found is not None
    assert found.difference.mean == pytest.approx(0.15)
    assert found.num_pairs == 2
    assert against({0: 1.0}, {1: 1.0}) is None


def test_one_pair_is_no_test() -> None:
    found = against({0: 0.5}, {0: 0.4})
    assert found is not None and found.p is None and found.num_pairs == 1


def test_as_many_pairs_as_can_be_counted_are_counted() -> None:
    assert swapped_p([1.0] * 16) == 2 / MOST_WAYS == 2 / 2**16


def test_many_pairs_are_swapped_at_random_and_all_for_one_is_among_them() -> None:
    assert 0 < swapped_p([1.0] * 30) < 0.001


@given(SOME)
def test_who_is_first_does_not_matter_to_p(differences: Any) -> None:
    p = swapped_p(differences)
    assert 2 / 2 ** len(differences) <= p <= 1 or not any(differences)
    assert swapped_p([-one for one in differences]) == p


def test_two_values_have_an_interval_of_one_degree_of_freedom() -> None:
    """Their deviation is 2 / root 2 and its error 1."""
    assert sure([1, 3]) == pytest.approx((2, 2 - 12.706, 2 + 12.706), abs=0.001)


@pytest.mark.parametrize(("freedom", "told"), [(1, 3.078), (2, 1.886)])
def test_the_formulas_for_one_and_two_hold_for_other_shares(freedom: int, told: float) -> None:
    assert t_quantile(freedom, 0.9) == pytest.approx(told, abs=0.001)


def test_two_pairs_are_a_test_and_the_difference_is_ours_less_theirs() -> None:
    found = against({0: 5.0, 1: 7.0}, {0: 4.0, 1: 4.0})
    assert found is not None and (found.difference.mean, found.p, found.num_pairs) == (2, 2 / 4, 2)


def test_sums_that_are_equal_but_for_rounding_are_equal() -> None:
    """0.1 + 0.2 - 0.3 is no more than 0.1 - 0.3 + 0.2."""
    assert swapped_p([0.1, 0.2, 0.3]) == 2 / 8 and swapped_p([0.1, 0.2, -0.3]) == 1


def test_of_more_than_can_be_counted_as_many_are_drawn() -> None:
    """Of two that differ, half of the ways have them on one side. And p is a share of 65,536."""
    assert swapped_p([1.0] + [0.0] * 16) == 1
    p = swapped_p([2.0, 1.0] + [0.0] * 15)
    assert p == pytest.approx(0.5, abs=0.01) and p * 65_536 == round(p * 65_536)
