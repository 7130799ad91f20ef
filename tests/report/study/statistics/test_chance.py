from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, kruskal, logrank, permutation_test
from tests.report.study.waiting import waited

from straw.report.study.statistics import chance
from straw.report.study.statistics.chance import (
    MANY,
    Ranked,
    can_tell,
    chance_of,
    chance_of_range,
    covariance,
    distance,
    equally_watched,
    least_chance,
    log_rank_scores,
    ranked,
    ranked_heights,
    ranked_times,
    same_pace,
    share,
    shuffled,
    sums_of,
)


def alone(count: int, first: int = 0) -> list[Any]:
    """Runs with secrets and seeds of their own."""
    return [SimpleNamespace(secret=f"{first + place}", seed=f"{first + place}") for place in range(count)]


def apart(*samples: list[float], cap: float = np.inf) -> list[Any]:
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


# --- each step by hand ---------------------------------------------------------------------------


def dealt(scores: list[float], group: list[int], urn: list[int] | None = None) -> Ranked:
    return Ranked(np.array(scores, float), np.array(group), np.array([0] * len(group) if urn is None else urn))


def test_scores_of_times_are_one_less_the_hazard_that_had_passed() -> None:
    """Of four at risk two happen at 3; of the two that are left one at 5, when the other was watched no longer."""
    scores = log_rank_scores(np.array([5.0, 3, 3, 5]), np.array([True, True, True, False]))
    assert scores.tolist() == [1 - (0.5 + 0.5), 0.5, 0.5, -(0.5 + 0.5)]


def test_nobody_is_watched_longer_than_the_shortest_of_who_did_not_get_there() -> None:
    """What happens at that very moment is still seen; who got there ends nobody's watching."""
    first, second, third = (waited(times) for times in ([2, 50, 50.5, 90], [70, 10], [5, 60]))
    first = first._replace(happened=np.array([True, True, True, True]))
    second = second._replace(happened=np.array([False, True]))
    third = third._replace(episodes=np.array([20.0, 50]), happened=np.array([False, False]))
    (one, one_happened), (two, two_happened), (three, _) = equally_watched([first, second, third])
    assert (one.tolist(), one_happened.tolist()) == ([2, 50, 50, 50], [True, True, False, False])
    assert (two.tolist(), two_happened.tolist()) == ([50, 10], [False, True])
    assert three.tolist() == [20, 50]  # the longest of those that did not get there, not the shortest
    alone = equally_watched([waited([4, 900])])
    assert alone[0][0].tolist() == [4, 900] and alone[0][1].all()


def test_ranks_have_a_mean_of_0_and_equal_heights_share_theirs() -> None:
    runs = ranked_heights([np.array([5.0, 1.0, 5.0]), np.array([0.0, 9.0])], [alone(3), alone(2, 100)])
    assert (runs.scores.tolist(), runs.group.tolist()) == ([0.5, -1, 0.5, -2, 2], [0, 0, 0, 1, 1])
    assert (runs.num_groups, runs.sizes.tolist()) == (2, [3, 2])


def test_some_of_the_conditions_keep_what_they_stood_for_among_all() -> None:
    runs = dealt([1, 2, 3, 4, 5], [0, 1, 2, 1, 0], [0, 0, 1, 2, 2]).only([2, 0])
    assert (runs.scores.tolist(), runs.group.tolist(), runs.urn.tolist()) == ([1, 3, 5], [1, 0, 1], [0, 1, 2])


def crossed(*seeds: int) -> list[Any]:
    return [SimpleNamespace(secret=str(secret), seed=str(seed)) for secret in range(2) for seed in seeds]


def test_urns_are_of_a_secret_and_a_seed_or_of_a_secret_or_of_all() -> None:
    """In the smallest that could be unlikely: six pairs once in 32, two secrets with three runs each once in 200."""
    heights = np.arange(6.0)
    same, other = crossed(0, 1, 2), crossed(5, 6, 7)
    assert ranked(np.arange(12.0), [same, same], 0.05).urn.tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert ranked(np.arange(12.0), [same, same], 0.03).urn.tolist() == [0, 0, 0, 1, 1, 1] * 2
    assert ranked(np.arange(12.0), [same, same], 0.004).urn.tolist() == [0] * 12  # 2 of 924
    assert ranked(np.arange(12.0), [same, other], 0.05).urn.tolist() == [0, 0, 0, 1, 1, 1] * 2
    assert ranked_heights([heights, heights], [same, alone(6, 50)]).urn.tolist() == [0] * 12


def test_where_nothing_can_be_unlikely_all_runs_are_of_one_urn() -> None:
    assert ranked(np.arange(6.0), [alone(3)] * 2, 0.05).urn.tolist() == [0] * 6


@pytest.mark.parametrize(
    ("group", "urn", "least"),
    [
        ([0, 0, 1, 1, 1], None, 1 / 10),  # of unequal sizes the most extreme looks like itself alone
        ([0, 0, 1, 1, 2, 2], None, 6 / 90),
        ([0, 1] * 4, [0, 0, 1, 1, 2, 2, 3, 3], 2 / 16),
        ([0, 0, 1, 0, 1, 1], [0, 0, 0, 1, 1, 1], 2 / 9),
        ([0, 0, 1, 1], [0, 0, 1, 1], 1.0),  # who cannot change places tells nothing, and no chance is above 1
    ],
)
def test_the_least_chance_is_that_of_the_most_extreme_of_all_ways(group: Any, urn: Any, least: float) -> None:
    assert least_chance(dealt([0.0] * len(group), group, urn)) == pytest.approx(least)


def test_a_chance_that_may_be_just_as_unlikely_as_wanted_is_asked_and_one_condition_is_not() -> None:
    three = dealt([1, 2, 3, 7, 8, 9], [0, 0, 0, 1, 1, 1])
    assert can_tell(three, 2 / 20) and not can_tell(three, 2 / 20 - 1e-9)
    assert chance_of(three, 2 / 20) == pytest.approx(0.1, abs=0.01)
    assert not can_tell(dealt([1, 2, 3], [0, 0, 0]), 0.9)


def test_a_share_counts_what_was_seen_and_what_equals_it() -> None:
    assert share(np.array([1.0, 2, 3, 3 - 1e-12]), 3.0) == 3 / 5
    assert share(np.array([1.0, 2]), 3.0) == 1 / 3


def test_sums_and_their_distance_by_hand() -> None:
    runs = dealt([0] * 4, [0, 1, 1, 2])
    assert sums_of(np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]), runs).tolist() == [[1, 5, 4], [5, 13, 8]]
    precision = np.array([[1.0, 2], [2, 5]])
    assert distance(np.array([[1.0, 0], [3, -1]]), precision).tolist() == [1, 9 - 12 + 5]


def test_the_covariance_of_the_sums_is_that_over_all_ways_to_deal_them() -> None:
    """In each urn by itself; a run that is alone in its urn stays where it is."""
    runs = dealt([4, -1, 2, 7, 3, 9, 5], [0, 1, 1, 0, 2, 1, 0], [0, 0, 0, 1, 1, 1, 2])
    ways = [
        sums_of(np.array([[*first, *second, 5.0]]), runs)[0]
        for first in permutations(runs.scores[:3])
        for second in permutations(runs.scores[3:6])
    ]
    assert covariance(runs) == pytest.approx(np.cov(np.array(ways).T, bias=True))
    pair = dealt([1, 3], [0, 1])
    assert covariance(pair) == pytest.approx(np.array([[1, -1], [-1, 1]]))


def test_runs_change_places_within_their_urn_alone() -> None:
    rows = shuffled(dealt([1, 2, 3, 10, 20, 30, 40], [0, 1, 1, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1]))
    assert rows.shape == (9999, 7)
    assert len(np.unique(rows[:, :3], axis=0)) == 6 and len(np.unique(rows[:, 3:], axis=0)) == 24
    assert set(rows[:, :3].ravel()) == {1, 2, 3} and (rows.sum(axis=1) == 106).all()


def test_of_very_many_runs_fewer_ways_are_drawn_and_never_fewer_than_999(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there is room for, and with few runs ten thousand less one."""
    monkeypatch.setattr(chance, "ROOM", 12_000)
    draws = [len(shuffled(dealt([0.0] * count, [0, 1] * (count // 2)))) for count in (2, 4, 10, 100)]
    assert draws == [6000, 3000, 1200, 999]
    monkeypatch.setattr(chance, "ROOM", 120_000)
    assert len(shuffled(dealt([0.0] * 2, [0, 1]))) == 9999


def test_up_to_150_runs_are_dealt_and_of_more_the_distribution_is_known() -> None:
    rng = np.random.default_rng(1)
    for count, is_drawn in ((MANY, True), (MANY + 1, False)):
        samples = [rng.normal(place / 4, size=size) for place, size in enumerate((count // 2, count - count // 2))]
        p = chance_of(ranked_heights(samples, [alone(len(samples[0])), alone(len(samples[1]), 1000)]))
        assert (p == pytest.approx(kruskal(*samples).pvalue, rel=1e-9)) != is_drawn
        assert (p * 10_000 == pytest.approx(round(p * 10_000), abs=1e-6)) == is_drawn
    assert MANY == 150


def test_conditions_of_unequal_sizes_are_judged_by_their_means() -> None:
    """The range is that of means: nine runs in the middle have the larger sum, and one at the top the larger mean."""
    runs = dealt([*[0.5] * 9, 4.0, -4.25, -4.25], [0] * 9 + [1, 2, 2])
    drawn = shuffled(runs)
    means = np.stack([drawn[:, :9].mean(axis=1), drawn[:, 9], drawn[:, 10:].mean(axis=1)])
    expected = (1 + (np.ptp(means, axis=0) >= 8.25 - 1e-9).sum()) / 10_000
    assert chance_of_range(runs) == pytest.approx(expected)
