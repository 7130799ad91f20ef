"""The likelihood, its slope and its bend, each by itself: a top is found even with a bend that is a little off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import gumbel_l, norm

from straw.report.study.load_runs import Array
from straw.report.study.statistics.censored_fit import (
    FAMILIES,
    FARTHEST,
    Between,
    around,
    climbed,
    ends,
    inside,
    likeliest,
    log_mass,
    moved,
    outer,
    start,
)

NAMES = [("log-normal", norm), ("Weibull", gumbel_l)]
BETWEEN = Between(np.array([0.0, 1.0, 1.5]), np.array([0.5, 2.0, 1.5]), np.array([True, True, False]))
LOW = np.array([[-1.0, -2.0, 0.0], [-1.0, -3.0, 1.0], [-1.0, -5.0, 1.5]])  # of three runs: -1, -x, and the end
HIGH = LOW + np.array([0.0, 0.0, 0.5])
HAPPENED = np.array([True, True, False])


@pytest.mark.parametrize(("errors", "family"), NAMES)
def test_a_family_is_the_distribution_that_it_is_named_after(errors: str, family: Any) -> None:
    ours, z = FAMILIES[errors], np.array([-2.0, -0.3, 0.0, 0.7, 1.9])
    assert ours.log_above(z) == pytest.approx(family.logsf(z))
    assert ours.log_density(z) == pytest.approx(family.logpdf(z))
    slope = (family.logpdf(z + 1e-6) - family.logpdf(z - 1e-6)) / 2e-6
    assert ours.slope(z) == pytest.approx(slope, abs=1e-8)
    assert ours.median == pytest.approx(family.median(), abs=1e-12)


@pytest.mark.parametrize(("errors", "family"), NAMES)
def test_the_mass_is_that_between_two_ends_or_above_the_lower_one(errors: str, family: Any) -> None:
    low, high = np.array([-1.0, 0.2, 0.4]), np.array([0.5, 0.3, 0.9])
    found = np.exp(log_mass(low, high, HAPPENED, FAMILIES[errors]))
    between = family.cdf(high) - family.cdf(low)
    assert found == pytest.approx([between[0], between[1], family.sf(0.4)])


def test_an_interval_of_no_width_has_next_to_no_mass_and_not_none() -> None:
    """Its logarithm must stay a number, or no step leads anywhere."""
    (found,) = log_mass(np.zeros(1), np.zeros(1), np.array([True]), FAMILIES["log-normal"])
    assert found == pytest.approx(np.log(0.5e-12), abs=1e-3)


def test_the_ends_are_products_that_are_cut_where_exp_would_be_too_much() -> None:
    low, high = ends(np.array([[1.0, 2.0, 3.0], [50.0, 0.0, 0.0], [-50.0, 0.0, 0.0]]), LOW, HIGH)
    assert low[0].tolist() == [-5.0, -4.0, -6.5] and high[0].tolist() == [-3.5, -2.5, -5.0]
    assert low[1:].tolist() == [[-FARTHEST] * 3, [FARTHEST] * 3]


@pytest.mark.parametrize("errors", FAMILIES)
def test_slope_and_bend_of_the_likelihood_are_those_of_its_differences(errors: str) -> None:
    family, weights = FAMILIES[errors], np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 3.0]])
    at = np.array([[0.2, 0.1, 0.8], [-0.4, 0.3, 1.3]])
    value, gradient, curve = around(at, LOW, HIGH, HAPPENED, weights, family)
    assert value == pytest.approx(inside(at, LOW, HIGH, HAPPENED, weights, family))
    for place in range(3):
        aside = np.zeros(3)
        aside[place] = 1e-5
        up, down = (around(at + by, LOW, HIGH, HAPPENED, weights, family) for by in (aside, -aside))
        assert gradient[:, place] == pytest.approx((up[0] - down[0]) / 2e-5, abs=1e-6)
        assert curve[:, place] == pytest.approx((up[1] - down[1]) / 2e-5, abs=1e-6)


def test_an_outer_product_is_summed_over_the_points_for_each_weighting() -> None:
    left, right = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    found = outer(np.array([[1.0, 0.0], [1.0, 2.0]]), left, right)
    assert found[0].tolist() == [[5, 6], [10, 12]]
    assert found[1].tolist() == [[5 + 42, 6 + 48], [10 + 56, 12 + 64]]


def test_a_search_begins_with_a_flat_line_through_the_middle_of_the_upper_ends() -> None:
    y = Between(np.zeros(3), np.array([1.0, 4.0, 7.0]), np.ones(3, bool))
    spread = 6**0.5
    assert start(y, np.arange(3.0)) == pytest.approx([4 / spread, 0, 1 / spread])
    assert start(y, None) == pytest.approx([4 / spread, 1 / spread])
    assert start(Between(y.lower, np.full(3, 2.0), y.happened), None) == pytest.approx([20, 10])  # a tenth at least


def test_a_step_lets_the_spread_grow_fourfold_at_most_and_shrink_to_a_hundredth_at_most() -> None:
    at = np.tile([1.0, 9.0, 2.0], (3, 1))
    found = moved(at, np.array([[0.5, -300.0, -9.0], [0.5, 400.0, 500.0], [0.5, 0.0, 1.0]]))
    assert found.tolist() == [[1.5, -291.0, 0.5], [1.5, 409.0, 100.0], [1.5, 9.0, 3.0]]


def level(at: Array) -> float:
    return float(
        inside(at[None], LOW[:, [0, 2]], HIGH[:, [0, 2]], HAPPENED, np.ones((1, 3)), FAMILIES["log-normal"])[0]
    )


def test_a_step_is_halved_until_it_leads_up_for_each_weighting_by_itself() -> None:
    """The first leads up at once, the second beyond the top, and the third downhill however short it is."""
    at, weights, low, high = np.array([0.5, 0.7]), np.ones((3, 3)), LOW[:, [0, 2]], HIGH[:, [0, 2]]
    value, gradient, _ = around(at[None], low, high, HAPPENED, np.ones((1, 3)), FAMILIES["log-normal"])
    up = 0.05 * gradient[0] / np.linalg.norm(gradient[0])
    there = climbed(
        np.tile(at, (3, 1)), np.stack([up, 400 * up, -up]), np.repeat(value, 3), low, high, HAPPENED, weights,
        FAMILIES["log-normal"],
    )  # fmt: skip
    assert there[0] == pytest.approx(at + up)
    assert level(there[1]) >= value[0] and not np.allclose(there[1], at)
    assert level(at + 400 * up) < value[0]
    shares = (there[1, 0] - at[0]) / (400 * up[0])
    assert np.log2(1 / shares) == pytest.approx(round(np.log2(1 / shares)))  # 1/2, 1/4, 1/8 ...
    assert level(at + 2 * shares * 400 * up) < value[0]  # and the largest of them that leads up
    assert there[2].tolist() == at.tolist()


@pytest.mark.parametrize("errors", FAMILIES)
def test_a_line_without_a_slope_has_half_of_the_numbers_on_either_side(errors: str) -> None:
    """Of intervals that touch, the likeliest level is the median of a distribution through them."""
    y = Between(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]), np.ones(3, bool))
    line = likeliest(y, None, np.array([[1.0, 1.0, 1.0], [1.0, 9.0, 1.0]]), errors)
    assert line.slope.tolist() == [0.0, 0.0] and line.at.shape == (2, 2)
    assert line.sigma[1] < line.sigma[0]
    assert line.at[:, 1] == pytest.approx(1 / line.sigma)
    assert 1 < line.level[0] < 2
    if errors == "log-normal":
        assert line.level == pytest.approx([1.5, 1.5])


def test_a_search_that_begins_at_the_top_stays_there() -> None:
    x, weights = np.array([0.0, 1.0, 3.0, 4.0]), np.ones((1, 4))
    y = Between(np.array([0.0, 2.5, 0.5, 2.5]), np.array([0.5, 3.0, 1.0, 4.0]), np.array([True, True, True, False]))
    found = likeliest(y, x, weights, "Weibull")
    again = likeliest(y, x, weights, "Weibull", near=found.at[0])
    assert all(np.allclose(*pair, atol=1e-5) for pair in zip(found, again, strict=True))


def test_what_is_taken_off_is_taken_off_both_ends() -> None:
    less = BETWEEN.less(np.array([0.5, 1.0, 0.0]))
    assert (less.lower.tolist(), less.upper.tolist()) == ([-0.5, 0.0, 1.5], [0.0, 1.0, 1.5])
    assert less.happened is BETWEEN.happened
