from __future__ import annotations

from math import inf, log

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from straw.report.study.statistics import exponent
from straw.report.study.statistics.exponent import Grown, chance_of_exponent, exponent_of, lateness, prentice

SIZES = (16, 64, 256, 1024)


def grown(times: dict[int, list[float]], cap: float = inf) -> Grown:
    sizes = np.concatenate([np.full(len(one), log(N)) for N, one in times.items()])
    episodes = np.concatenate([np.array(one, float) for one in times.values()])
    return Grown(sizes, np.log(np.minimum(episodes, cap)), episodes <= cap, np.arange(len(episodes)))


def test_times_on_a_power_have_its_exponent_and_no_other() -> None:
    exponent, interval = exponent_of(grown({N: [3.0 * N**0.5] * 3 for N in SIZES}))
    assert (exponent, interval.low, interval.high) == pytest.approx((0.5, 0.5, 0.5), abs=1e-6)


def test_the_scores_are_ranks_where_every_run_got_there() -> None:
    scores = prentice(np.array([5.0, 1.0, 9.0, 7.0]), np.array([True] * 4))
    assert scores == pytest.approx([0.2, 0.6, -0.6, -0.2])  # 1 - 2 rank / (n + 1)


def test_a_run_that_did_not_get_there_counts_as_longer_than_all_that_did_by_then() -> None:
    """Its score is the share left, by a survival curve that is Kaplan's and Meier's with one more at risk."""
    times, happened = np.array([3.0, 5.0, 8.0, 9.0]), np.array([True, True, False, True])
    scores = prentice(times, happened)
    assert scores[2] < scores[1] < scores[0]
    assert scores == pytest.approx([2 * 4 / 5 - 1, 2 * 3 / 5 - 1, 3 / 5 - 1, 2 * 3 / 10 - 1])
    left = ecdf(CensoredData(uncensored=times[happened], right=times[~happened])).sf.probabilities
    assert left == pytest.approx([3 / 4, 2 / 4, 2 / 4, 0])


def test_equal_times_share_the_mean_of_their_scores() -> None:
    assert prentice(np.array([1.0, 1, 2, 2]), np.array([True] * 4)) == pytest.approx([0.4, 0.4, -0.4, -0.4])


def test_larger_N_are_later_than_a_power_that_is_too_small_and_earlier_than_one_that_is_too_large() -> None:
    rng = np.random.default_rng(0)
    runs = grown({N: list(N * rng.exponential(size=12)) for N in SIZES})
    assert lateness(0.2, runs) > 3 > -3 > lateness(2.0, runs)
    assert chance_of_exponent(0.2, runs) < 0.01 and chance_of_exponent(1.0, runs) > 0.05


def test_the_interval_holds_those_exponents_of_which_the_p_is_above_5_in_a_hundred() -> None:
    rng = np.random.default_rng(1)
    runs = grown({N: list(N * rng.exponential(size=8)) for N in SIZES})
    _, interval = exponent_of(runs)
    assert chance_of_exponent(interval.low + 0.02, runs) > 0.05 > chance_of_exponent(interval.low - 0.02, runs)
    assert chance_of_exponent(interval.high - 0.02, runs) > 0.05 > chance_of_exponent(interval.high + 0.02, runs)


def test_runs_that_never_got_there_at_the_larger_size_leave_the_high_end_open() -> None:
    _, interval = exponent_of(grown({16: [20, 22, 24, 26], 64: [60, inf, inf, inf]}, cap=500))
    assert interval.high == inf and interval.low > 0


def test_a_tenth_that_locks_in_bends_nothing() -> None:
    """A fit with log-normal errors takes it for slow runs, and is wrong one time in eight."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        times = {
            N: list(np.where(rng.random(48) < 0.1, inf, 40 * N**0.4 * np.exp(rng.normal(0, 0.4, 48)))) for N in SIZES
        }
        _, interval = exponent_of(grown(times, cap=3000))
        held += interval.low <= 0.4 <= interval.high
    assert held >= 53  # 57 are expected; fewer than 53 come once in fifty such tests


def test_runs_of_one_secret_are_dealt_together() -> None:
    """Twice the same runs tell no more than once."""
    rng = np.random.default_rng(2)
    once = grown({N: list(N * rng.exponential(size=6)) for N in SIZES})
    twice = Grown(*(np.tile(part, 2) for part in once))
    (_, first), (_, second) = exponent_of(once), exponent_of(twice)
    assert second == pytest.approx(first, abs=0.15)
    assert second.high - second.low > 0.8 * (first.high - first.low)


def test_runs_that_rule_nothing_out_have_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the exponent, these runs are as late as they may be."""
    ends = iter([-inf, 1.0, inf, -inf, 1.0, 3.0])
    monkeypatch.setattr(exponent, "crossing", lambda falling: next(ends))
    nothing = Grown(*(np.ones(1) for _ in range(4)))
    assert exponent_of(nothing) == (1.0, None)
    _, half = exponent_of(nothing)
    assert half is not None and (half.low, half.high) == (-inf, 3.0)
