from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy.special import expit, gammaln
from scipy.stats import betabinom, binom

from straw.measure.alike import (
    LIKENESSES as LIKENESS_GRID,
)
from straw.measure.alike import (
    MEANS as MEAN_GRID,
)
from straw.measure.alike import (
    Beliefs,
    beliefs,
    failed,
    leaning,
    narrowed,
    pass_interval,
    quantile,
    refined,
    rising,
)
from straw.measure.pass_at_k import mean_pass
from straw.measure.shares import share_interval

MEANS = (0.002, 0.01, 0.03, 0.1, 0.15, 0.25, 0.4, 0.5, 0.8, 0.97)
LIKENESSES = (0, 0.05, 0.2, 0.5, 0.8, 0.97, 1)


def chances(replies: int, mean: float, likeness: float) -> np.ndarray:
    """Of 0, 1, ... replies right to a problem."""
    counts = np.arange(replies + 1)
    if likeness == 0:
        return binom.pmf(counts, replies, mean)
    if likeness == 1:
        return np.array([1 - mean, *[0] * (replies - 1), mean])
    size = 1 / likeness - 1
    return betabinom.pmf(counts, replies, mean * size, (1 - mean) * size)


def all_counts(problems: int, kinds: int) -> Iterator[tuple[int, ...]]:
    """All ways in which so many problems can come out."""
    if kinds == 1:
        yield (problems,)
    else:
        for first in range(problems + 1):
            yield from ((first, *rest) for rest in all_counts(problems - first, kinds - 1))


@cache
def interval(counts: tuple[int, ...], k: int = 1) -> tuple[float, float]:
    right = np.repeat(np.arange(len(counts)), counts)
    return mean_pass([int(one) for one in right], len(counts) - 1, k)[1:]


@pytest.mark.parametrize(("problems", "replies"), [(5, 4), (16, 2)])
def test_the_true_mean_is_held_93_times_in_a_hundred_whatever_it_is_and_however_alike_replies_are(
    problems: int, replies: int
) -> None:
    """No simulation: so few problems come out in so few ways that all of them are counted."""
    counts = np.array(list(all_counts(problems, replies + 1)))
    ways = gammaln(problems + 1) - gammaln(counts + 1).sum(axis=1)
    low, high = np.array([interval(tuple(map(int, one))) for one in counts]).T
    for mean in MEANS:
        for likeness in LIKENESSES:
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.where(counts > 0, counts * np.log(chances(replies, mean, likeness)), 0.0).sum(axis=1)
            held = np.exp(ways + logs)[(low <= mean + 1e-9) & (mean <= high + 1e-9)].sum()
            assert held >= 0.93, (mean, likeness)


def test_replies_that_are_all_alike_tell_no_more_than_one_of_them_would() -> None:
    low, high = pass_interval([16] * 4 + [0] * 16, 16, 1)
    assert (low, high) == pytest.approx(share_interval(4, 20), abs=0.02)
    assert low <= share_interval(4, 20)[0] and high >= share_interval(4, 20)[1]


def test_problems_that_are_equally_hard_count_for_nearly_as_many_as_their_replies() -> None:
    """1,000 problems with 4 replies each, of which 0, 1, ... are right as often as four fair coins show heads."""
    right = [0] * 62 + [1] * 250 + [2] * 376 + [3] * 250 + [4] * 62
    low, high = pass_interval(right, 4, 1)
    exact = share_interval(2000, 4000)
    assert high - low == pytest.approx(exact[1] - exact[0], rel=0.1)


def test_right_and_wrong_change_places() -> None:
    low, high = pass_interval([0, 1, 1, 3], 4, 1)
    assert pass_interval([4, 3, 3, 1], 4, 1) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_several_tries_pass_more_often_and_their_interval_lies_higher() -> None:
    right = [0, 1, 1, 3, 4, 0, 0, 2]
    one, two = pass_interval(right, 4, 1), pass_interval(right, 4, 2)
    assert one[0] < two[0] and one[1] < two[1]


# --- simulations ---------------------------------------------------------------------------------


def held(problems: int, replies: int, k: int, shares: np.ndarray, truth: float) -> float:
    """How often the interval holds the truth; a row of `shares` is a simulated set of problems."""
    counts = np.random.default_rng(problems + replies).binomial(replies, shares)
    found = [interval(tuple(map(int, np.bincount(row, minlength=replies + 1))), k) for row in counts]
    return float(np.mean([low - 1e-9 <= truth <= high + 1e-9 for low, high in found]))


def beta_shares(times: int, problems: int, mean: float, likeness: float) -> np.ndarray:
    rng, size = np.random.default_rng(0), 1 / likeness - 1
    return rng.beta(mean * size, (1 - mean) * size, (times, problems))


def test_a_quick_look_at_the_simulation() -> None:
    assert held(20, 4, 1, beta_shares(200, 20, 0.02, 0.3), 0.02) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("replies", [4, 16])
@pytest.mark.parametrize("problems", [20, 100, 1000])
def test_2000_simulated_sets_of_problems_hold_their_mean(problems: int, replies: int) -> None:
    for mean in (0.005, 0.05, 0.3, 0.9):
        for likeness in (0.02, 0.3, 0.9):
            shares = beta_shares(2000 if problems < 1000 else 500, problems, mean, likeness)
            assert held(problems, replies, 1, shares, mean) >= 0.93, (mean, likeness)


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 4])
def test_pass_at_k_holds_its_truth_too(k: int) -> None:
    """E 1 - (1 - p)^k of a beta, by hand: 1 - b (b + 1) ... / ((a + b) (a + b + 1) ...)."""
    for mean in (0.03, 0.3, 0.8):
        for likeness in (0.1, 0.5):
            size = 1 / likeness - 1
            a_b, b = size, (1 - mean) * size
            truth = 1 - np.prod([(b + step) / (a_b + step) for step in range(k)])
            assert held(20, 8, k, beta_shares(2000, 20, mean, likeness), truth) >= 0.93, (mean, likeness)


@pytest.mark.slow
def test_truths_that_are_no_beta_are_held_too() -> None:
    """Half of the problems hopeless and half fair coins; one in twenty nearly always right; all between 0.2 and 0.4."""
    rng = np.random.default_rng(1)
    mixtures = {
        "half": (np.where(rng.random((2000, 40)) < 0.5, 0.5, 0.0), 0.25),
        "rare": (np.where(rng.random((2000, 40)) < 0.05, 0.95, 0.002), 0.05 * 0.95 + 0.95 * 0.002),
        "near": (rng.uniform(0.2, 0.4, (2000, 40)), 0.3),
    }
    for name, (shares, truth) in mixtures.items():
        assert held(40, 8, 1, shares, truth) >= 0.93, name


@pytest.mark.parametrize(
    "right", [[0, 1, 1, 3, 4, 0, 0, 2], [4, 4, 4, 3, 4], [0, 0, 0, 0, 1, 0, 0], [2] * 30 + [1] * 9]
)
@pytest.mark.parametrize("k", [1, 3])
def test_the_ends_are_those_of_the_model_that_is_described(right: list[int], k: int) -> None:
    """On a plain fine grid as wide as ours, with scipy's beta-binomial; each end with a prior of its own."""
    mean = 1 / (1 + np.exp(-np.linspace(-11, 11, 1400)))
    likeness = 1 / (1 + np.exp(-np.linspace(-8, 8, 120)))[:, None]
    size = (1 - likeness) / likeness
    logs = sum(
        times * betabinom.logpmf(one, 4, mean * size, (1 - mean) * size) for one, times in Counter(right).items()
    )
    passed = 1 - np.exp(gammaln((1 - mean) * size + k) - gammaln((1 - mean) * size) + gammaln(size) - gammaln(size + k))
    ends = []
    for share, (first, second) in ((0.025, (0.2, 0.8)), (0.975, (0.8, 0.2))):
        prior = first * np.log(mean) + second * np.log(1 - mean) + 0.5 * np.log(likeness) + 0.5 * np.log(1 - likeness)
        weights = np.exp(logs + prior - (logs + prior).max())
        order = np.argsort(passed, axis=None)
        below = np.cumsum(weights.ravel()[order]) / weights.sum()
        ends.append(float(passed.ravel()[order][np.searchsorted(below, share)]))
    assert pass_interval(right, 4, k) == pytest.approx(ends, abs=0.0075)  # ours are ends of grid cells


def test_where_every_problem_is_all_right_or_all_wrong_the_interval_is_at_least_the_exact_one() -> None:
    for right in ([4], [0], [0, 4], [4] * 7, [0] * 30, [4] + [0] * 30):
        low, high = pass_interval(right, 4, 1)
        least, most = share_interval(sum(one == 4 for one in right), len(right))
        assert low <= least and high >= most


# --- each step by hand ---------------------------------------------------------------------------


def test_a_rising_product_has_as_many_factors_as_it_is_told() -> None:
    start = np.array([2.0, 3.0])
    assert rising(start, 3) == pytest.approx(np.log([2 * 3 * 4, 3 * 4 * 5]))
    assert rising(start, 1) == pytest.approx(np.log(start)) and rising(start, 0).tolist() == [0, 0]


def test_a_prior_leans_by_its_two_exponents() -> None:
    assert leaning(np.array([0.25]), (2.0, 3.0)) == pytest.approx(2 * np.log(0.25) + 3 * np.log(0.75))


def test_to_fail_k_times_is_the_mean_of_a_power_of_a_beta() -> None:
    """Of a = 1, b = 2 it is 2/3, and twice 2/3 x 3/4."""
    found = Beliefs(np.zeros(1), np.zeros(1), np.array([1.0]), np.array([2.0]))
    assert [float(failed(found, k)[0]) for k in (1, 2)] == pytest.approx([2 / 3, 1 / 2])


def test_beliefs_are_the_beta_binomials_of_all_problems_and_the_prior_of_the_likeness() -> None:
    counts, means, likenesses = np.array([3, 0, 1, 2]), np.array([-1.0, 0.5]), np.array([-2.0, 0.0, 1.5])
    found = beliefs(counts, means, likenesses)
    mean, likeness = expit(means), expit(likenesses)[:, None]
    size = (1 - likeness) / likeness
    assert found.mean == pytest.approx(mean)
    assert found.a == pytest.approx(mean * size) and found.b == pytest.approx((1 - mean) * size)
    expected = 0.5 * (np.log(likeness) + np.log(1 - likeness)) + np.zeros_like(size * mean)
    for right, ways in ((0, 1), (2, 3), (3, 1)):
        expected = expected + counts[right] * (betabinom.logpmf(right, 3, found.a, found.b) - np.log(ways))
    assert found.log_likelihood == pytest.approx(expected)


def test_a_quantile_lies_between_the_middles_of_what_each_point_weighs() -> None:
    """Weights 1 and 3: a middle at an eighth and one at five eighths. Points come in any order and in rows."""
    weights = np.log([[3.0, 1.0]]) + 700  # only their ratio counts
    assert [quantile(np.array([[20.0, 10.0]]), weights, share) for share in (0.125, 0.375, 0.625, 0.99)] == (
        pytest.approx([10, 15, 20, 20])
    )


def test_a_grid_is_drawn_anew_with_as_many_points_from_one_before_what_counts_to_one_behind() -> None:
    grid = np.array([0.0, 1, 2, 3, 4, 5])
    assert refined(grid, np.array([False, False, True, True, False, False])) == pytest.approx(np.linspace(1, 4, 6))
    assert refined(grid, np.array([True, False, False, False, False, True])) == pytest.approx(grid)
    assert refined(grid, np.array([False, True, False, False, False, False])) == pytest.approx(np.linspace(0, 2, 6))


def test_what_lies_18_below_the_top_does_not_count_under_either_prior() -> None:
    """Each axis by itself: where any point of its row or column counts."""
    logs = np.full((len(LIKENESS_GRID), len(MEAN_GRID)), -1000.0)
    middle = len(MEAN_GRID) // 2  # a mean of a half, where both priors are alike
    logs[10, middle], logs[12, middle + 1], logs[20, middle - 3], logs[14, middle + 4] = 0, -17.9, -17.5, -18.6
    means, likenesses = narrowed(Beliefs(expit(MEAN_GRID), logs, logs, logs))
    assert (means[0], means[-1], len(means)) == (MEAN_GRID[middle - 4], MEAN_GRID[middle + 2], len(MEAN_GRID))
    assert (likenesses[0], likenesses[-1]) == (LIKENESS_GRID[9], LIKENESS_GRID[21])


def test_one_problem_between_keeps_the_interval_of_the_model() -> None:
    """All of the others are all right or all wrong; the exact interval of their number is no bound any more."""
    low, high = pass_interval([4] * 3 + [2] + [0] * 3, 4, 1)
    assert share_interval(3, 7)[0] < low < 0.5 < high < share_interval(4, 7)[1]
