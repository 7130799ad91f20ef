"""Guess a number: what is said and paid, by hand, and what blind and careful players win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from straw.tasks.environments.guess import WASTED, Guess, drawn

GUESSES = 20  # of the recipe
Player = Callable[[Random, int, int, int], int]


def begun(*digits: tuple[int, int, int]) -> Guess:
    """With these digits, each between its ends."""
    game = Guess()
    game.reset(seed=0)
    game.missing = list(digits)
    game._next()
    return game


def test_a_game_by_hand() -> None:
    game = begun((2, 7, 9), (0, 4, 8))
    assert (game.say(5), game.turn_reward) == ("higher 5-7-9", 1.0)
    assert (game.say(9), game.turn_reward, game.done) == ("lower 5-7-9", 0.0, False)
    assert (game.say(8), game.turn_reward) == ("lower 5-6-8", 0.5)
    assert (game.say(3), game.turn_reward) == ("higher 5-6-8", 0.0)
    assert (game.say(7), game.turn_reward) == ("right 0-4-8", 1.0)
    assert (game.say(1), game.turn_reward) == ("higher 1-4-8", 0.25)
    assert (game.say(4), game.turn_reward) == ("found", 1.0)
    assert (game.solved, game.done, game.wasted) == (True, True, 2)


def test_guesses_that_could_not_be_right_are_counted_over_all_digits() -> None:
    game = begun((0, 1, 10), (0, 1, 10))
    game.say(1)
    for number in (0, 10, 54, -3):
        assert game.say(number).split()[1] == "0-5-10" and game.turn_reward == 0 and not game.done
    game.say(0)
    assert game.wasted == WASTED and game.done and not game.solved
    game.reset(seed=0)
    assert game.wasted == 0 and not game.done


def test_the_middle_alone_is_paid_in_full_and_the_ends_nothing() -> None:
    paid = []
    for digit in range(12):
        game = begun((0, 1, 10))
        game.say(digit)
        paid.append(game.turn_reward)
    assert paid == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2, 0, 0])


def share_won(player: Player) -> float:
    games, random, won = 2000, Random(0), 0
    for seed in range(games):
        game = Guess()
        told = game.reset(seed=seed)
        for _ in range(GUESSES):
            told = game.say(player(random, *map(int, told.split()[-1].split("-"))))
            if game.done:
                break
        won += game.solved
    return won / games


def test_who_repeats_any_number_loses_and_who_stays_between_the_ends_wins() -> None:
    assert share_won(lambda random, *told: random.choice(told)) < 0.2
    assert share_won(lambda random, *told: random.randrange(1, 10)) < 0.1
    assert share_won(lambda random, low, middle, high: random.randint(low + 1, high - 1)) > 0.99
    assert share_won(lambda random, low, middle, high: middle) == 1


def test_all_ends_come_equally_often_with_any_digit_between_them() -> None:
    random = Random(0)
    counts = Counter(drawn(random) for _ in range(45 * 200))
    by_ends: Counter[tuple[int, int]] = Counter()
    for (low, _, high), count in counts.items():
        by_ends[low, high] += count
    assert len(by_ends) == 45 and all(150 < count < 250 for count in by_ends.values())
    assert len(counts) == sum(high - low - 1 for low, high in by_ends) and all(a < b < c for a, b, c in counts)
