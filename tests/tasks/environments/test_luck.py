from __future__ import annotations

import random
import sys

import numpy as np
import pytest

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


def test_numpy_s_generator_is_afterwards_what_it_was_and_goes_on_in_the_next_call() -> None:
    np.random.seed(7)
    expected = np.random.random(2)
    np.random.seed(7)
    luck = Luck(3)
    first, second = drawn(luck), drawn(luck)
    assert [np.random.random(), np.random.random()] == [*expected]
    assert first != second and first[1] == np.random.RandomState(3).random_sample()
    assert first[0] == random.Random(3).random()


def test_a_seed_is_one_of_32_bits() -> None:
    assert [Luck(seed).seed for seed in (0, 2**32 - 1, 2**32, 2**33 + 5)] == [0, 2**32 - 1, 0, 5]
    assert drawn(Luck(2**32 + 3)) == drawn(Luck(3))


def test_where_numpy_is_not_loaded_only_python_s_generator_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numpy")
    luck = Luck(3)
    with luck as same:
        found = random.random()
    assert same is luck and found == random.Random(3).random() and luck.numpy is None
    assert "numpy" not in sys.modules
