from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import gumbel_l, norm
from tests.made_studies import by_bits, in_proportion, scattered
from tests.report.study.waiting import waited

from straw.report.study.statistics import fits
from straw.report.study.statistics.censored_fit import Between, Line, likeliest
from straw.report.study.statistics.fits import (
    LINEAR,
    LOG,
    POWER,
    Fit,
    Scaling,
    can_tell,
    fit_of,
    grown_of,
    points_of,
    scaling_of,
)

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


def test_two_sizes_need_four_runs_each_and_three_sizes_three() -> None:
    assert not can_tell([3, 3]) and not can_tell([3, 4])  # 20 and 35 ways
    assert can_tell([4, 4]) and can_tell([3, 3, 3]) and can_tell([3, 5])  # 70, 1,680 and 56
    assert not can_tell([2, 50]) and not can_tell([2, 2, 2])


def test_a_time_is_known_between_two_measurements_or_to_a_thousandth() -> None:
    """What was over at the first measurement lies above a quarter of an episode, and no time below half of one."""
    times = waited([8.0, 4, 0.1, 90], cap=60, step=4)
    points = points_of([(16, times), (64, waited([5.0]))])
    assert np.exp(points.log_N) == pytest.approx([16, 16, 16, 16, 64])
    assert np.exp(points.log_T.upper) == pytest.approx([8, 4, 4, 60, 5])
    assert np.exp(points.log_T.lower) == pytest.approx([4, 0.25, 0.25, 60, 5 * np.exp(-1e-3)])
    assert points.log_T.happened.tolist() == [True, True, True, False, True]
    assert np.exp(points_of([(16, waited([0.0]))]).log_T.upper) == pytest.approx([0.5])


def test_for_the_exponent_a_time_lies_in_the_middle_of_its_gap() -> None:
    """One that has not happened counts from where watching ended; runs of one secret are one unit, of one N alone."""
    grown = grown_of([(16, waited([8.0, 4, 90], cap=60, step=4)), (64, waited([0.0, 4]))])
    assert np.exp(grown.log_T) == pytest.approx([6, 2, 60, 0.5, 4])
    assert np.exp(grown.log_N) == pytest.approx([16, 16, 16, 64, 64])
    assert grown.happened.tolist() == [True, True, False, True, True]
    assert grown.unit.tolist() == [0, 1, 2, 3, 4]
    crossed: Any = waited([4.0, 8, 12, 16], step=4)
    for place, run in enumerate(crossed.runs):
        run.secret, run.seed = str(place // 2), str(place)
    assert grown_of([(16, crossed)]).unit.tolist() == [0, 0, 1, 1]
    for place, run in enumerate(crossed.runs):
        run.secret, run.seed = str(place // 2), str(place % 2)
    assert grown_of([(16, crossed), (64, crossed)]).unit.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_aic_counts_two_for_each_parameter_and_takes_two_likelihoods_off() -> None:
    line = Line(*(np.array([value]) for value in (1.0, 2.0, 0.3, -40.0, 0.0)))
    fit = fit_of(POWER, line, 5.0, 7.0, 3)
    assert (fit.law, fit.a, fit.b, fit.sigma, fit.aic) == (POWER, 5, 7, 0.3, 2 * 3 + 2 * 40)


def test_a_line_has_three_parameters_a_power_three_and_a_log_law_two() -> None:
    """Where a series fits every law exactly, the likelihoods are equal and AIC is that of the parameters alone."""
    found = scaled({16: [50.0] * 5, 64: [75.0] * 5})
    assert found.fits[0].law == LOG
    assert [found.behind(law) for law in (POWER, LINEAR)] == pytest.approx([2, 2], abs=0.01)


def test_a_line_may_begin_above_or_below_0() -> None:
    """The smallest times lie far below those in proportion to N, or far above."""
    below = scaled({N: [3.0 * N - 40] * 3 for N in SIZES})
    assert below.fits[0].law == LINEAR
    assert (below.fit(LINEAR).a, below.fit(LINEAR).b) == pytest.approx((3, -40), rel=1e-2)
    assert below.fit(LINEAR).at(64) == pytest.approx(152, rel=1e-2)


def test_episodes_a_bit_are_the_median_of_times_over_the_bits_of_N() -> None:
    """4, 5 and 6 episodes for each of four bits, and 5, 7 and 9 for each of six; who is not over may take longer."""
    found = scaled({16: [16.0, 20, 24], 64: [30.0, 42, 54]}, cap=50)
    assert found.bit == pytest.approx((5 + 6) / 2)
    assert found.per_bit is not None and found.per_bit[:2] == (4, np.inf)
    assert (found.num_censored, found.num_runs, found.sizes, found.secrets) == (1, 6, [16, 64], [3, 3])


def test_sizes_without_runs_or_without_bits_are_no_sizes_of_a_law() -> None:
    found = scaling_of([1, 16, 32, 64], [waited([4.0]), waited([16.0, 20]), waited([]), waited([64.0, 70])])
    assert found is not None and found.sizes == [16, 64]
    found = scaling_of([2, 16], [waited([4.0, 5]), waited([16.0, 20])])
    assert found is not None and found.sizes == [2, 16]


def test_errors_are_of_the_family_with_the_lowest_aic() -> None:
    rng = np.random.default_rng(4)
    luck = scaled({N: list(N * rng.exponential(size=40)) for N in SIZES})
    even = scaled({N: list(N * np.exp(0.5 * rng.normal(size=40))) for N in SIZES})
    assert (luck.errors, even.errors) == ("Weibull", "log-normal")
    assert luck.fits[0].aic <= luck.fits[1].aic <= luck.fits[2].aic


def test_of_two_families_the_one_with_the_best_law_is_taken_whatever_its_others_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aics = {"log-normal": (10.0, 11.0, 12.0), "Weibull": (9.0, 50.0, 60.0)}
    monkeypatch.setattr(
        fits,
        "fits_of",
        lambda points, name: [
            Fit(law=law, a=1, b=1, sigma=1, aic=aic) for law, aic in zip("abc", aics[name], strict=True)
        ],
    )
    assert scaled({16: [16.0, 20], 64: [30.0, 42]}).errors == "Weibull"
