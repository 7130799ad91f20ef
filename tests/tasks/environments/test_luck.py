from __future__ import annotations

import random

import numpy as np

from straw.tasks.environments.luck import Luck


def drawn(luck: Luck) -> tuple[float, float]:
    with luck:
        return random.random(), float(np.random.random())


def test_an_episode_has_a_stream_of_its_own_whatever_the_others_draw() -> None:
    alone = [drawn(luck) for luck in [Luck(3)] for _ in range(3)]
    mine, other = Luck(3), Luck(4)
    between = []
    for _ in range(3):
        between.append(drawn(mine))
        drawn(other)
    assert between == alone
    assert drawn(Luck(4)) != alone[0]


def test_the_generators_are_afterwards_what_they_were() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    drawn(Luck(3))
    assert random.random() == expected
