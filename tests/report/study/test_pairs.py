from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.report.study.waiting import waited

from straw.report.study.pairs import held, told_apart


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
