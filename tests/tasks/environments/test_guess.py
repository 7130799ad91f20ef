"""The guessing game by hand."""

from __future__ import annotations

from random import Random

import pytest

from straw.tasks.environments.guess import Guess


def begun(secret: int) -> Guess:
    game = Guess()
    game.reset(seed=0)
    game.secret = secret
    return game


def test_a_game_by_hand() -> None:
    game = begun(65)
    assert game.say(54) == "higher 54-76-99" and (game.turn_reward, game.solved, game.done) == (1.0, False, False)
    assert game.say(99) == "lower 54-76-99" and game.turn_reward == 0.0  # could not be right any more
    assert game.say(76) == "lower 54-65-76" and game.turn_reward == 1.0
    assert game.say(65) == "found" and (game.turn_reward, game.solved, game.done) == (1.0, True, True)


@pytest.mark.parametrize(("number", "could_be"), [(10, 0.0), (11, 1.0), (98, 1.0), (99, 0.0), (5, 0.0), (100, 0.0)])
def test_the_ends_that_are_shown_could_not_be_right(number: int, could_be: float) -> None:
    game = begun(50)
    game.say(number)
    assert game.turn_reward == could_be
    assert (game.low, game.high) == ({11: 11}.get(number, 10), {98: 98}.get(number, 99))


def test_the_third_wasted_guess_ends_the_game() -> None:
    game = begun(50)
    ends = []
    for number in (10, 20, 10, 30, 10):
        game.say(number)
        ends.append(game.done)
    assert ends == [False, False, False, False, True] and not game.solved
    game.reset(seed=3)
    assert (game.wasted, game.solved, game.done, game.low, game.high) == (0, False, False, 10, 99)


def test_a_number_that_was_passed_does_not_widen_what_is_left() -> None:
    game = begun(50)
    assert game.say(40) == "higher 40-69-99" and game.say(20) == "higher 40-69-99"
    assert game.say(60) == "lower 40-50-60" and game.say(90) == "lower 40-50-60"


def test_secrets_are_those_between_the_ends_and_a_function_of_the_seed() -> None:
    game, secrets = Guess(), []
    for seed in range(2000):
        assert game.reset(seed=seed) == "10-54-99"
        secrets.append(game.secret)
    assert secrets[7] == Random(7).randint(11, 98)
    assert set(secrets) == {*range(11, 99)}
