from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, kruskal, logrank, permutation_test
from tests.report.study.waiting import waited

from straw.report.study.statistics.chance import (
    chance_of,
    chance_of_range,
    least_chance,
    log_rank_scores,
    ranked_heights,
    ranked_times,
    same_pace,
)


def alone(count: int, first: int = 0) -> list[SimpleNamespace]:
    """Runs with secrets and seeds of their own."""
    return [SimpleNamespace(secret=f"{first + place}", seed=f"{first + place}") for place in range(count)]


def apart(*samples: list[float], cap: float = np.inf) -> list:
    """Conditions that share no secret."""
    found = [waited(one, cap) for one in samples]
    return [one._replace(runs=alone(len(one.runs), 100 * place)) for place, one in enumerate(found)]


@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=12),
    st.lists(st.integers(1, 20), min_size=2, max_size=12),
    st.integers(2, 20),
)
def test_the_sum_of_the_scores_is_the_log_rank_test_of_scipy(one: Any, other: Any, cap: Any) -> None:
    """Which says how many standard deviations lie between what happened and what was to be expected."""
    first, second = samples = apart(one, other, cap=cap)
    times = np.concatenate([each.episodes for each in samples])
    happened = np.concatenate([each.happened for each in samples])
    ours = float(log_rank_scores(times, happened)[: len(one)].sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = logrank(*(CensoredData(t.episodes[t.happened], right=t.episodes[~t.happened]) for t in samples))
    if np.isfinite(theirs.statistic):
        spread = sum(
            share * (1 - share) * count * (left - count) / max(left - 1, 1)
            for time in np.unique(times[happened])
            for count, left, share in [
                (
                    (happened & (times == time)).sum(),
                    (times >= time).sum(),
                    (first.episodes >= time).sum() / (times >= time).sum(),
                )
            ]
        )
        assert ours == pytest.approx(theirs.statistic * np.sqrt(spread), abs=1e-6)
    assert len(second.runs) == len(other)


def test_of_twenty_ways_to_lie_two_are_as_far_apart_and_that_tells_nothing() -> None:
    three = ranked_times(apart([1, 2, 3], [7, 8, 9]))
    assert least_chance(three) == 2 / 20
    assert same_pace(*apart([1, 2, 3], [7, 8, 9])) is None
    assert same_pace(*apart([1, 2, 3, 4], [6, 7, 8, 9])) == pytest.approx(2 / 70, abs=0.005)


def test_one_run_against_one_is_never_asked() -> None:
    assert same_pace(*apart([1], [99])) is None
    assert same_pace(*apart([9], [9], cap=1)) is None


def test_the_p_is_that_of_all_ways_to_deal_the_runs() -> None:
    """scipy deals them all."""
    one, other = [3.0, 7, 8, 12, 30], [9.0, 14, 22, 25, 40, 41]
    runs = ranked_heights([np.array(one), np.array(other)], [alone(5), alone(6, 100)])

    def far(first: Any, second: Any, axis: Any) -> Any:
        return np.abs(first.mean(axis=axis) - second.mean(axis=axis))

    ranks = runs.scores[:5], runs.scores[5:]
    theirs = permutation_test(ranks, far, permutation_type="independent", alternative="greater", vectorized=True)
    assert chance_of(runs) == pytest.approx(theirs.pvalue, abs=0.01)
    assert chance_of_range(runs) == pytest.approx(theirs.pvalue, abs=0.01)


def test_within_a_secret_the_p_is_that_of_swapping_pairs() -> None:
    one, other = [3.0, 7, 8, 12, 30, 33], [4.0, 9, 9, 15, 28, 40]
    runs = ranked_heights([np.array(one), np.array(other)], [alone(6), alone(6)])

    def far(first: Any, second: Any, axis: Any) -> Any:
        return np.abs((first - second).mean(axis=axis))

    ranks = runs.scores[:6], runs.scores[6:]
    theirs = permutation_test(ranks, far, permutation_type="samples", alternative="greater", vectorized=True)
    assert chance_of(runs) == pytest.approx(theirs.pvalue, abs=0.01)


def test_of_many_runs_it_is_the_test_of_kruskal_and_wallis() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.normal(place / 10, size=80) for place in range(3)]
    runs = ranked_heights(samples, [alone(80, 100 * place) for place in range(3)])
    assert chance_of(runs) == pytest.approx(kruskal(*samples).pvalue, rel=1e-6)


def test_conditions_that_share_their_seeds_are_one_sample_and_not_two() -> None:
    """The second is slower by one episode in each of ten runs: as two samples that is nothing, as pairs it is."""
    times = [8, 20, 30, 44, 60, 80, 120, 200, 300, 420]
    later = [time + 1 for time in times]
    assert same_pace(*apart(times, later)) > 0.6
    assert same_pace(waited(times), waited(later)) < 0.01


def test_the_same_guesses_twice_are_not_told_apart() -> None:
    times = [8.0, 20, 30, 44, 60, 80, 120, 200]
    assert same_pace(waited(times), waited(times)) == 1


def test_equal_secrets_with_other_seeds_are_compared_within_a_secret() -> None:
    one, other = waited(range(6)), waited(range(6), seeds=range(10, 16))
    assert list(ranked_times([one, other]).urn) == [0, 1, 2, 3, 4, 5] * 2


def test_so_few_secrets_that_no_pairs_could_be_unlikely_are_compared_as_two_samples() -> None:
    """Four pairs come out all one way once in eight; four of eight runs are the first four once in 35."""
    one, other = waited([1, 2, 3, 4]), waited([7, 8, 9, 10])
    assert list(ranked_times([one, other]).urn) == [0] * 8
    assert list(ranked_times([one, other], unlikely=0.2).urn) == [0, 1, 2, 3] * 2


def test_who_was_watched_longer_is_not_slower_for_it() -> None:
    """Censored at 50 in one and at 500 in the other: beyond 50 nothing was to be seen in the first."""
    rng = np.random.default_rng(0)
    times = [rng.geometric(0.01, 12).astype(float) for _ in range(2)]
    short, long_ = apart(list(times[0]), list(times[1]))
    short = short._replace(episodes=np.minimum(times[0], 50), happened=times[0] <= 50)
    late = long_._replace(episodes=np.minimum(times[1], 50), happened=times[1] <= 50)
    assert same_pace(short, long_) == same_pace(short, late)


def test_runs_that_were_all_alike_tell_nothing() -> None:
    assert same_pace(*apart([9] * 8, [9] * 8)) is None


def test_three_conditions_of_one_pace_are_told_apart_once_in_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.report.study.statistics.chance.DRAWS", 999)
    rng = np.random.default_rng(0)
    found = [same_pace(*apart(*rng.geometric(0.05, (3, 8)).astype(float), cap=60)) for _ in range(120)]
    assert sum(p <= 0.05 for p in found) <= 12  # 6 are expected, and 99% of such tests have no more
    slower = apart(*(list(rng.geometric(rate, 30)) for rate in (0.05, 0.05, 0.01)), cap=80)
    assert same_pace(*slower) == 0.001


def test_drawn_chances_are_counted_in_ten_thousandths() -> None:
    """9,999 draws and what was seen itself."""
    p = chance_of_range(ranked_times(apart([float(n) for n in range(1, 13)], [n + 6.5 for n in range(12)])))
    assert p is not None and p * 10_000 == pytest.approx(round(p * 10_000), abs=1e-6) and p > 1e-4
