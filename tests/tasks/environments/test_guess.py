"""The game of higher and lower, by players whose luck can be worked out."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from straw.tasks.environments.guess import WASTED, Guess

Player = Callable[[str, list[int]], int]


def played(player: Player, seed: int) -> tuple[Guess, list[float], list[str]]:
    game, paid = Guess(), []
    heard = [game.reset(seed=seed)]
    for _ in range(20):
        word, _, numbers = heard[-1].rpartition(" ")
        heard.append(game.say(player(word, [int(one) for one in numbers.split("-")])))
        paid.append(game.turn_reward)
        if game.done:
            break
    return game, paid, heard


def test_who_minds_the_word_halves_what_is_left_and_wins_in_seven_guesses_at_most() -> None:
    for seed in range(300):
        game, paid, heard = played(lambda word, numbers: numbers[word == "higher"] if word else numbers[0], seed)
        assert game.solved and heard[-1] == "found" and len(paid) <= 7
        assert paid == [1.0] * len(paid)


def test_who_repeats_whichever_wins_one_game_in_five() -> None:
    random = Random(0)
    won = [played(lambda word, numbers: random.choice(numbers), seed)[0].solved for seed in range(1000)]
    assert 0.17 < sum(won) / 1000 < 0.27


def test_a_wasted_guess_is_not_paid_and_two_end_the_game() -> None:
    game, paid, heard = played(lambda word, numbers: 99, 5)
    assert (game.solved, paid) == (False, [0.0] * WASTED)
    assert [one.partition(" ")[0] for one in heard[1:]] == ["lower"] * WASTED


def test_the_middle_of_what_is_left_is_always_offered_behind_the_word() -> None:
    random = Random(1)
    for seed in range(200):
        game = Guess()
        game.reset(seed=seed)
        for _ in range(6):
            word, _, numbers = game.say(random.randrange(100)).partition(" ")
            if word == "found":
                break
            offered = [int(one) for one in numbers.split("-")]
            assert offered[word == "higher"] == (game.low + game.high) // 2
            assert all(len(str(one)) == 2 for one in offered)
