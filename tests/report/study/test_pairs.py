from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.report.study.waiting import waited

from straw.report.study import pairs
from straw.report.study.pairs import Apart, compared, held, told_apart


@pytest.mark.parametrize(
    ("chances", "places"),
    [
        ([0.01, 0.02, 0.04], [0, 1, 2]),  # against .05 / 3, .05 / 2 and .05
        ([0.04, 0.01, 0.02], [0, 1, 2]),
        ([0.01, 0.03, 0.04], [0]),  # .03 is above .025, and what is less likely to be seen is not looked at
        ([0.02, 0.02, 0.02], []),
    ],
)
def test_the_smallest_chance_is_held_against_a_third_and_the_next_against_a_half(chances: Any, places: Any) -> None:
    assert held({(0, place): chance for place, chance in enumerate(chances)}, 0.05, 3) == {(0, at) for at in places}


def test_a_pair_that_so_few_runs_cannot_tell_counts_among_the_pairs_all_the_same() -> None:
    assert held({(0, 1): 0.02}, 0.05, 3) == set()


def test_many_conditions_that_do_not_differ_are_rarely_told_apart() -> None:
    """Of 40 studies of five conditions two are expected to be wrong about a pair; by single tests ten would be."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(40):
        times = [waited(rng.exponential(size=10)) for _ in range(5)]
        wrong += bool(told_apart(times, 0.05))
    assert wrong <= 5


def test_who_is_sooner_stands_first() -> None:
    slow, fast = waited([90, 95, 99, 101, 110, 120, 130, 140]), waited([4, 5, 6, 7, 8, 9, 10, 11])
    ((sooner, later, chance),) = told_apart([slow, fast], 0.05)
    assert (sooner, later) == (1, 0) and chance < 0.05


def test_a_chance_just_at_its_level_is_held_and_above_it_is_not() -> None:
    assert held({(0, 1): 0.025, (0, 2): 0.05}, 0.05, 2) == {(0, 1), (0, 2)}
    assert held({(0, 1): 0.0251, (0, 2): 0.01}, 0.05, 3) == {(0, 2)}


def test_so_few_runs_that_they_cannot_tell_are_not_compared() -> None:
    few, other = waited([1, 2, 3]), waited([70, 80, 90])
    assert compared([few, other], 0, 1, 0.05) is None
    assert compared([few, other], 0, 1, 0.25) is not None


def test_of_three_conditions_each_pair_is_told_with_who_was_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the pairs, and each asked whether it could be told at a third of the level."""
    asked = []

    def found(samples: Any, one: int, other: int, unlikely: float) -> Apart | None:
        asked.append((one, other, round(unlikely, 6)))
        return {(0, 1): Apart(1, 0, 0.02), (0, 2): None, (1, 2): Apart(1, 2, 0.001)}[one, other]

    monkeypatch.setattr(pairs, "compared", found)
    assert told_apart([waited([1])] * 3, 0.06) == [Apart(1, 0, 0.02), Apart(1, 2, 0.001)]
    assert asked == [(0, 1, 0.02), (0, 2, 0.02), (1, 2, 0.02)]
    assert told_apart([waited([1])] * 3, 0.03) == [Apart(1, 2, 0.001)]
    assert told_apart([waited([1])], 0.05) == []


def test_who_is_sooner_is_told_by_means_and_not_by_sums() -> None:
    """Two slow ones beside six fast ones, whichever stands first."""
    fast, slow = waited([4, 5, 6, 7, 8, 9]), waited([400, 500], seeds=[10, 11])
    for samples, sooner in (([fast, slow], 0), ([slow, fast], 1)):
        found = compared(samples, 0, 1, 0.5)
        assert found is not None and (found.sooner, found.later) == (sooner, 1 - sooner)
