"""Where only hits are paid, the chances are exact: the tree and the draws have to agree with them."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from tests.measure.observer.watched import table

from straw.measure.observer.draws import draw_pace
from straw.measure.observer.greedy import greedy_pace
from straw.measure.observer.hits import advanced, advanced_any, gathered, hits_pace, median_episode


@pytest.mark.parametrize("N", [5, 16, 33])
def test_the_tree_and_the_chances_agree_where_only_hits_are_paid(N: int) -> None:
    tree, chances = greedy_pace(*vars(table(f"N={N}")).values()), hits_pace(N, 1)
    assert tree.bits[:N] == pytest.approx(chances.bits[:N], abs=1e-9)
    assert tree.to_know == pytest.approx(chances.to_know, abs=1e-7)


@pytest.mark.parametrize("group", [1, 4, None])
def test_drawn_and_exact_agree_where_only_hits_are_paid(group: int | None) -> None:
    drawn = draw_pace(table("N=16").codes, group=group, runs=4000, seed=1)
    exact = hits_pace(16, group)
    assert drawn.to_know == pytest.approx(exact.to_know, abs=4 * drawn.to_know_error)
    for episode in (1, 2, 5, 8, 16):
        assert drawn.bits_at(episode) == pytest.approx(exact.bits_at(episode), abs=4 * max(drawn.errors[: episode + 1]))


def test_uniform_guesses_hit_after_N_in_the_mean() -> None:
    """Or know the secret when all others are excluded, which takes one guess less in the mean."""
    assert hits_pace(16, None).to_know == pytest.approx(15, abs=1e-6)


def slow_chances(N: int, group: int | None, episodes: int) -> list[dict[int, float]]:
    """How many misses are known behind each episode, of who has not hit. Every guess is followed; 0 is the secret."""
    states = {(frozenset[int](), frozenset(range(N))): 1.0}  # tried, and what is drawn from
    found = [{0: 1.0}]
    for episode in range(1, episodes + 1):
        after: dict[tuple[frozenset[int], frozenset[int]], float] = {}
        for (tried, pool), chance in states.items():
            for guess in pool - {0}:
                more = tried | {guess}
                left = frozenset(range(N)) - more if group and episode % group == 0 else pool
                after[more, left] = after.get((more, left), 0.0) + chance / len(pool)
        states = after
        by_count: dict[int, float] = {}
        for (tried, _), chance in states.items():
            by_count[len(tried)] = by_count.get(len(tried), 0.0) + chance
        found.append(by_count)
    return found


@pytest.mark.parametrize(("N", "group"), [(3, 1), (4, 2), (3, 2), (4, 3), (5, 4), (3, None), (4, None)])
def test_the_chances_are_those_of_following_every_guess(N: int, group: int | None) -> None:
    found, slow = hits_pace(N, group), slow_chances(N, group, 7)
    for episode, chances in enumerate(slow):
        missed = sum(chance * log2(N / (N - count)) for count, chance in chances.items())
        assert found.bits_at(episode) == pytest.approx(missed + (1 - sum(chances.values())) * log2(N))
    unknown = [sum(chance for count, chance in chances.items() if count < N - 1) for chances in slow]
    if unknown[-1] == 0:
        assert found.to_know == pytest.approx(sum(unknown))
    else:
        assert found.to_know is not None and found.to_know > sum(unknown)
    assert found.to_nine_tenths == next(episode for episode, one in enumerate(unknown) if one <= 0.5) + 0.5 * (
        0.5 in [round(one, 9) for one in unknown]
    )


def test_one_more_guess_repeats_a_miss_or_is_a_new_one() -> None:
    """Of four, two misses since the rewards came back: a hit 1/4, a repeat 2/4, and 1/4 is the third miss."""
    chances = np.zeros((3, 4))
    chances[2, 2] = 1.0
    after = advanced(chances, 4)
    assert after[2].tolist() == [0, 0, 2 / 4, 1 / 4] and after[:2].sum() == 0
    chances = np.zeros((3, 4))
    chances[0, 1] = 1.0  # one miss is known of before: three are left to draw from
    assert advanced(chances, 4)[1].tolist() == [0, 0, 2 / 3, 0]
    alone = np.array([[0.0, 1.0, 0.0, 0.0]])
    assert advanced(alone, 4).tolist() == [[0, 0, 2 / 3, 0]]


def test_uniform_guesses_repeat_what_was_missed_for_ever() -> None:
    assert advanced_any(np.array([[0.0, 0.0, 1.0, 0.0]]), 4).tolist() == [[0, 0, 2 / 4, 1 / 4]]


def test_what_was_missed_is_known_of_once_the_rewards_come_back() -> None:
    assert gathered(np.array([[1.0, 0, 0], [0, 2, 0], [0, 3, 4]])).tolist() == [[1, 5, 4], [0, 0, 0], [0, 0, 0]]


def test_a_median_lies_between_two_episodes_where_just_half_are_there() -> None:
    assert median_episode([1.0, 0.6, 0.4]) == 2 and median_episode([1.0, 0.5, 0.4]) == 1.5
    assert median_episode([1.0, 0.7, 0.5 + 1e-14, 0.4]) == 2.5 and median_episode([0.2]) == 0
