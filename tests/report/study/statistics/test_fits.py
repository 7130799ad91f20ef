from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import gumbel_l, norm
from tests.made_studies import by_bits, in_proportion, scattered
from tests.report.study.waiting import waited

from straw.report.study.statistics.censored_fit import Between, likeliest
from straw.report.study.statistics.fits import LINEAR, LOG, POWER, Fit, Scaling, scaling_of

SIZES = [16, 64, 256, 1024]


def scaled(times: Any, cap: float = np.inf) -> Scaling:
    found = scaling_of(list(times), [waited(one, cap) for one in times.values()])
    assert found is not None
    return found


def test_points_on_a_law_give_it_back() -> None:
    found = scaled({N: [3.0 * N**0.5] * 3 for N in SIZES})
    assert found.fits[0].law == POWER
    assert (found.fit(POWER).a, found.beta) == pytest.approx((3, 0.5), rel=1e-3)
    found = scaled({N: [2.0 * N + 500] * 3 for N in SIZES})
    assert found.fits[0].law == LINEAR
    assert (found.fit(LINEAR).a, found.fit(LINEAR).b) == pytest.approx((2, 500), rel=1e-2)
    found = scaled({N: [40 * np.log2(N)] * 3 for N in SIZES})
    assert found.fits[0].law == LOG
    assert found.fit(LOG).a == pytest.approx(40, rel=1e-3)
    assert found.behind(LOG) == 0
    assert found.behind(POWER) == found.fit(POWER).aic - found.fit(LOG).aic > 0


@pytest.mark.parametrize(("law", "expected"), [(LINEAR, 2 * 64 + 3), (POWER, 2 * 64**3), (LOG, 2 * 6)])
def test_a_law_says_what_it_expects_at_a_size(law: Any, expected: Any) -> None:
    assert Fit(law=law, a=2, b=3, sigma=1, aic=0).at(64) == pytest.approx(expected)


def test_the_interval_of_an_exponent_holds_the_true_one_nineteen_times_in_twenty() -> None:
    found = [scaled(in_proportion(SIZES, 15, seed=seed)) for seed in range(30)]
    held = sum(one.exponent.low < 1 < one.exponent.high for one in found)
    assert held >= 25  # of 30; 28.5 are expected, fewer than 25 come once in 60 such tests
    assert all(one.exponent.high - one.exponent.low < 0.3 and one.behind(LOG) > 20 for one in found)


def test_a_log_law_is_told_from_a_line_and_from_a_power_in_proportion() -> None:
    found = [scaled(by_bits(SIZES, 40, seed=seed, spread=0.3)) for seed in range(10)]
    assert sum(one.fits[0].law == LOG for one in found) >= 7  # a power with a small exponent is close by
    assert all(one.behind(LINEAR) > 5 and one.exponent.high < 0.5 for one in found)
    assert sum(one.per_bit.low < 40 < one.per_bit.high for one in found) >= 8


def test_censored_runs_do_not_make_a_law_flatter() -> None:
    """Without them the largest N would keep only its lucky runs, and the exponent would fall."""
    times = in_proportion(SIZES, 60)
    cap = 1500.0
    kept = scaled(times, cap)
    thrown = scaled({N: [t for t in one if t <= cap] for N, one in times.items()})
    assert kept.num_censored > 20
    assert kept.exponent.low < 1 < kept.exponent.high
    assert thrown.exponent.high < 1


def test_a_size_that_nobody_reached_still_counts() -> None:
    times = {N: waited(one, 1000 if N < 1024 else 20) for N, one in in_proportion(SIZES, 20).items()}
    with_it = scaling_of(list(times), list(times.values()))
    assert with_it.num_censored >= 20
    assert with_it.exponent.low < 1 < with_it.exponent.high


def test_three_runs_at_each_of_two_sizes_have_an_exponent_and_no_interval() -> None:
    """They lie in 20 ways, of which the two most extreme come once in ten: no 95% can be told."""
    three, four = (scaled(scattered([16, 64], {16: 30, 64: 90}, count)) for count in (3, 4))
    assert three.exponent is None and three.chance_of(1.0) is None and 0 < three.beta < 2
    assert four.exponent is not None
    assert scaled(scattered([16, 64, 256], {16: 30, 64: 90, 256: 300}, 3)).exponent is not None


def test_one_size_has_no_law() -> None:
    assert scaling_of([64], [waited([1, 2, 3])]) is None
    assert scaling_of([64, 256], [waited([1, 2]), waited([9, 9], cap=5)]) is None


@pytest.mark.parametrize(("errors", "family"), [("log-normal", norm), ("Weibull", gumbel_l)])
def test_a_line_through_intervals_is_the_likeliest_one(errors: str, family: Any) -> None:
    """Against a minimiser that knows nothing of slopes, and scipy's own distributions."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.log(SIZES), 8)
    y = 1 + 0.8 * x + rng.normal(size=len(x))
    happened = y < 5.5
    lower = np.where(happened, np.floor(y * 2) / 2, 5.5)
    upper = lower + 0.5

    def lost(theta: Any) -> Any:
        low, high = ((ends - theta[0] - theta[1] * x) / np.exp(theta[2]) for ends in (lower, upper))
        return -np.log(np.where(happened, family.cdf(high) - family.cdf(low), family.sf(low))).sum()

    best = minimize(lost, [0, 1, 0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 9000})
    line = likeliest(Between(lower, upper, happened), x, np.ones((1, len(x))), errors)
    median = best.x[0] + family.median() * np.exp(best.x[2])
    assert (line.level[0], line.slope[0], np.log(line.sigma[0])) == pytest.approx((median, *best.x[1:]), abs=1e-4)
    assert line.likelihood[0] == pytest.approx(-best.fun, abs=1e-6)


def test_a_weight_is_as_good_as_that_many_points() -> None:
    y, x = np.array([1.0, 2.5, 2.0, 4.0]), np.array([0.0, 1.0, 2.0, 3.0])
    known = Between(y - 0.1, y, np.array([True, True, True, False]))
    twice = [0, 1, 1, 2, 3]
    weighted = likeliest(known, x, np.array([[1.0, 2, 1, 1]]), "Weibull")
    repeated = likeliest(
        Between(known.lower[twice], known.upper[twice], known.happened[twice]), x[twice], np.ones((1, 5)), "Weibull"
    )
    assert all(np.allclose(*pair, atol=1e-4) for pair in zip(weighted, repeated, strict=True))


def test_a_first_hit_in_groups_of_four_scales_with_N() -> None:
    """Waiting for luck is geometric. Rounded up to groups and in logarithms it would look like N^0.92."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(12):
        times = [waited(rng.geometric(1 / N, size=60), cap=6 * N, step=4) for N in SIZES]
        found.append(scaling_of(SIZES, times))
    assert sum(one.errors == "Weibull" for one in found) == 12
    assert np.mean([one.beta for one in found]) == pytest.approx(1, abs=0.04)
    assert sum(one.exponent.low < 1 < one.exponent.high for one in found) >= 9


def test_how_many_secrets_stand_behind_it() -> None:
    assert scaled(scattered([16, 64], {16: 30, 64: 90}, 7)).secrets == [7, 7]


def test_points_on_a_line_are_as_sharp_as_can_be_told() -> None:
    x = np.arange(4.0)
    known = Between(2 * x + 1 - 1e-6, 2 * x + 1 + 1e-6, np.ones(4, bool))
    line = likeliest(known, x, np.ones((1, 4)), "log-normal")
    assert line.sigma[0] == pytest.approx(0.01, abs=1e-4) and line.slope[0] == pytest.approx(2, abs=1e-3)
