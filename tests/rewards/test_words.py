"""Channels that speak: by hand, and sound in the ledger."""

from __future__ import annotations

from math import log2
from pathlib import Path

import numpy as np
import pytest
from tests.small_runs import small_plan, train

from straw.config import Reward
from straw.errors import ConfigError
from straw.measure.ledger.ledger import Ledger
from straw.measure.observer.table import table_of
from straw.rewards.channel import Game
from straw.rewards.words import ToldInWords, ToldWhichDigit
from straw.rollouts.collect import pay
from straw.runs.files.jsonl import read_lines
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.types import End, Grade, Rollout, Turn

CHANNELS = {"told_in_words": ToldInWords, "told_which_digit": ToldWhichDigit}


def said(channel: ToldInWords, secret: int, reply: str, N: int = 64) -> Rollout:
    task = Secret(Hidden(N=N, fixed_secret=secret))
    problem, turn = task.problem(0), Turn(prompt=(1,), reply=(2,), logprobs=(0.0,), policy_version=0)
    grade = task.grade(problem, [reply], End.ANSWERED)
    one = Rollout(problem=problem, turns=(turn,), replies=(reply,), end=End.ANSWERED, grade=grade)
    return pay([one], channel, [0.0], 1)[0]


@pytest.mark.parametrize(
    ("secret", "guess", "direction", "digit"),
    [
        (46, "46", "right", "right"),
        (46, "12", "higher", "digit 1 is wrong"),
        (46, "47", "lower", "digit 2 is wrong"),
        (46, "6", "higher", "digit 1 is wrong"),  # 06
        (5, "7", "lower", "digit 2 is wrong"),  # 05 and 07
        (46, "64", "unreadable", "unreadable"),
        (46, "four", "unreadable", "unreadable"),
    ],
)
def test_what_is_said_by_hand(secret: int, guess: str, direction: str, digit: str) -> None:
    for channel, words in ((ToldInWords(N=64), direction), (ToldWhichDigit(N=64), digit)):
        one = said(channel, secret, guess)
        assert (one.words, one.reward) == (words, float(words == "right"))


@pytest.mark.parametrize(("name", "N", "levels"), [("told_in_words", 64, 4), ("told_which_digit", 64, 4),
                                                   ("told_which_digit", 1024, 6)])  # fmt: skip
def test_the_alphabet_is_what_is_declared(name: str, N: int, levels: int) -> None:
    channel = CHANNELS[name](N=N)
    numbers = [*range(10), *range(10, N, N // 9), N - 1]
    words = {said(channel, secret, reply, N).words for secret in numbers for reply in ("x", *map(str, numbers))}
    assert channel.levels == levels == len(words)


@pytest.mark.parametrize("name", CHANNELS)
def test_secrets_are_told_apart_as_the_words_do(name: str) -> None:
    channel = CHANNELS[name](N=16)
    for guess in range(16):
        labels = channel.tells_apart(guess, np.arange(16))
        words = [said(channel, secret, str(guess), 16).words for secret in range(16)]
        assert [channel.word(int(label)) for label in labels] == words


@pytest.mark.parametrize("name", CHANNELS)
def test_the_law_holds_for_an_observer_that_reads(name: str) -> None:
    """Over every secret, guesses fixed: the mean of 2^(received - offered) is at most 1."""
    channel, guesses, found = CHANNELS[name](N=16), ["9", "3", "x", "12", "3", "7"], []
    for secret in range(16):
        ledger = Ledger.of(Secret(Hidden(N=16, fixed_secret=secret)), channel)
        group = [said(channel, secret, guess, 16) for guess in guesses]
        ledger.enter([group], [group])
        words = [one.words for one in group]
        alike = [s for s in range(16) if [said(channel, s, guess, 16).words for guess in guesses] == words]
        assert ledger.received_bits == pytest.approx(log2(16 / len(alike)))
        found.append((ledger.received_bits or 0.0, ledger.sums["offered_bits"]))
    received, offered = map(np.array, zip(*found, strict=True))
    assert (2.0 ** (received - offered)).mean() <= 1
    assert received.mean() <= offered.mean()


def test_without_its_words_the_ledger_would_charge_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test above."""
    import straw.measure.ledger.ledger as ledger_module

    monkeypatch.setattr(ledger_module, "told_by", lambda one: ledger_module.symbol_of((one.reward,)))
    monkeypatch.setattr(ToldInWords, "speaks", False)
    monkeypatch.setattr(ledger_module, "observer_of", lambda task, channel: None)
    channel, gains = ToldInWords(N=16), []
    for secret in range(16):
        ledger = Ledger.of(Secret(Hidden(N=16, fixed_secret=secret)), channel)
        group = [said(channel, secret, guess, 16) for guess in ("8", "4", "12")]
        ledger.enter([group], [group])
        alike = [s for s in range(16) if all(said(channel, s, g, 16).words == one.words
                                             for g, one in zip(("8", "4", "12"), group, strict=True))]  # fmt: skip
        gains.append(2.0 ** (log2(16 / len(alike)) - ledger.sums["offered_bits"]))
    assert np.mean(gains) > 1


def test_the_ideal_observer_halves_what_is_left() -> None:
    table = table_of(Secret(Hidden(N=16, fixed_secret=3)), ToldInWords(N=16))
    assert table.num_codes == 3 and not table.pays_hits_only
    assert [len(set(row)) for row in table.codes.tolist()] == [2, *[3] * 14, 2]


def test_words_are_kept_with_a_run(home: Path, tmp_path: Path) -> None:
    folder = train(tmp_path / "run", "reward_type=told_in_words n_batches=1").folder
    rows = list(read_lines(folder / "rollouts.jsonl"))
    assert all(row["words"] in ("right", "higher", "lower", "unreadable") for row in rows)


@pytest.mark.parametrize(("N", "levels"), [(1, 3), (10, 3), (11, 4), (100, 4), (101, 5), (1000, 5), (1001, 6)])
def test_digits_are_those_of_the_largest_number(N: int, levels: int) -> None:
    options = Reward(reward_type="told_which_digit")
    assert ToldWhichDigit.from_options(options, Game(num_guesses=N)) == ToldWhichDigit(N=N)
    assert ToldWhichDigit(N=N).levels == levels


def test_of_three_digits_the_first_wrong_one_is_named() -> None:
    secrets = np.array([407, 417, 408, 507, 517, 7])
    assert ToldWhichDigit(N=1000).tells_apart(407, secrets).tolist() == [0, 2, 3, 1, 1, 1]


def test_a_rollout_without_a_reply_could_not_be_read() -> None:
    task = Secret(Hidden(N=64, fixed_secret=3))
    nothing = Grade(hits=(False,), well_formed=False)
    one = Rollout(problem=task.problem(0), turns=(), replies=(), end=End.FAILED, grade=nothing)
    assert ToldInWords(N=64).words_for(one) == "unreadable"


@pytest.mark.parametrize("game", [Game(num_guesses=8, num_turns=2), Game(num_guesses=8, length=2)], ids=str)
def test_two_turns_or_two_numbers_are_too_many(game: Game) -> None:
    with pytest.raises(ConfigError, match=f"got {game.num_turns} turns and length={game.length}"):
        ToldInWords.from_options(Reward(), game)


def test_it_speaks_of_one_number_in_one_reply() -> None:
    with pytest.raises(ConfigError, match="one number in one reply; got 3 turns"):
        small_plan("reward_type=told_in_words env_type=multi_step")
