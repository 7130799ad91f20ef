"""What every channel declares about itself holds for every grade there is."""

from __future__ import annotations

from itertools import product
from math import isclose
from typing import Any

import pytest

from straw import outside
from straw.config import Reward
from straw.config.tuning import Tuning
from straw.errors import ConfigError
from straw.registry import names
from straw.rewards.channel import Channel, Game
from straw.rewards.environment import BesideEnvironment, EnvironmentPay
from straw.rewards.function import FunctionReward
from straw.rewards.outcome import Binary, Dense, make_channel
from straw.rewards.weighted import Weighted
from straw.types import End, Grade, Message, Payment, Problem, Rollout

CHANNELS = names("rewards")


N = 8
COINS = (0.0, 0.3, 0.7, 0.999)
OPTIONS = [
    *(Reward(reward_type=name) for name in CHANNELS if name not in ("dense", "weighted", "environment")),
    Reward(reward_type="weighted", reward_weights=("correctness=2",)),
    Reward(reward_type="log_distance", form="raw"),
    Reward(reward_type="binned_log_distance", reward_bins=2),
]


def grades() -> list[Grade]:
    """Every guess of every distance, and one that could not be read."""
    read = [Grade(hits=(offset == 0,), well_formed=True, offsets=(offset,)) for offset in range(1 - N, N)]
    return [*read, Grade(hits=(False,), well_formed=False, offsets=(None,))]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_pay_lies_from_lowest_to_highest_and_reaches_both(options: Any) -> None:
    channel = make_channel(options, N, num_turns=1)
    paid = [channel(grade, coin).total for grade, coin in product(grades(), COINS)]
    assert isclose(min(paid), channel.lowest, abs_tol=1e-12)
    assert isclose(max(paid), channel.highest, abs_tol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_hit_earns_the_highest_pay_wherever_that_points_at_the_target(options: Any) -> None:
    channel = make_channel(options, N, num_turns=1)
    hit = Grade(hits=(True,), well_formed=True, offsets=(0,))
    if channel.plateau is not None:
        assert isclose(max(channel(hit, coin).total for coin in COINS), channel.highest, abs_tol=1e-12)


@pytest.mark.parametrize("credit", ["turn", "sum"])
def test_dense_is_full_at_one_a_turn(credit: str) -> None:
    channel = make_channel(Reward(reward_type="dense", credit=credit), N, num_turns=3)
    paid = [channel(Grade(hits=hits, well_formed=True), 0.0).total for hits in product([False, True], repeat=3)]
    assert (min(paid), max(paid)) == (channel.lowest, channel.highest) == (0.0, 3.0)


class Bare(Channel):
    """Says nothing of itself but its name and its levels."""

    name, levels = "bare", 3

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return Payment(total=float(grade.hits[0]) + draw)


HIT = Grade(hits=(True,), well_formed=True)


def rollout(is_right: bool) -> Rollout:
    problem = Problem(key="a", messages=(Message("user", "?"),), reference=("",))
    grade = Grade(hits=(is_right,), well_formed=True)
    return Rollout(problem=problem, turns=(), replies=(), end=End.ANSWERED, grade=grade)


def test_what_a_channel_leaves_out_is_taken_for_the_worst() -> None:
    bare = Bare.from_options(Reward(), Game())
    assert (bare.by_form, bare.several, bare.deterministic, bare.noise) == (True, None, True, None)
    assert not (bare.per_part or bare.tells_nothing or bare.reads_replies or bare.speaks)
    assert (bare.lowest, bare.highest, bare.plateau, bare.full(HIT)) == (0.0, 1.0, 0, 1.0)
    assert bare.tells_apart(3, [1, 2]) is None and Bare.tuning(Reward()) is Channel.tuned


def test_a_game_of_which_nothing_is_said_is_one_reply_without_distances() -> None:
    game = Game()
    assert (game.num_turns, game.length, game.reply_limit, game.num_steps) == (1, 1, None, None)
    with pytest.raises(ConfigError, match="this task knows none: write reward_type=plus_minus or reward_type=binary"):
        _ = game.length_in_numbers
    assert Game(num_guesses=64, length=3).length_in_numbers == 3


FUNCTION = FunctionReward(lambda completions: [0.0 for _ in completions])


@pytest.mark.parametrize(
    "channel",
    [Bare(), Weighted(weights=(("correctness", 1.0),)), BesideEnvironment(Bare()), FUNCTION, EnvironmentPay()],
    ids=lambda channel: type(channel).__name__,
)
def test_nobody_is_paid_for_nothing(channel: Any) -> None:
    assert channel.pay([], [], 1) == []


@pytest.mark.parametrize(
    "channel", [Bare(), make_channel(Reward(reward_type="told_in_words"), 8, 1), Weighted(weights=())], ids=type
)
def test_every_rollout_has_a_draw(channel: Any) -> None:
    with pytest.raises(ValueError, match="zip"):
        channel.pay([rollout(True)], [0.5, 0.25], 1)


def test_each_rollout_is_paid_by_its_own_draw() -> None:
    assert [one.total for one in Bare().pay([rollout(True), rollout(False)], [0.5, 0.25], 1)] == [1.5, 0.25]


BY_FORM = {"environment", "tests_passed", "weighted"}  # and the others by hits and offsets alone


@pytest.mark.parametrize("name", CHANNELS)
def test_what_an_ideal_observer_may_conclude_is_declared(name: Any) -> None:
    channel = make_channel(Reward(reward_type=name), N, num_turns=1)
    assert channel.by_form == (name in BY_FORM)
    assert channel.per_part == (name == "dense") and channel.tells_nothing == (name == "random")
    assert channel.reads_replies == (name == "environment")
    assert channel.speaks == (name in {"told_in_words", "told_which_digit"})
    assert channel.noise == (Reward().flip_probability if name == "noisy_binary" else None)


def rate(value: float, episodes_per_bit: float | None = None, **more: object) -> Tuning:
    return Tuning(values={"learning_rate": value, **more}, episodes_per_bit=episodes_per_bit)


COIN, BY_DISTANCE = rate(3e-4, replay=1), rate(2e-4, 100, baseline="optimistic", optimism=0.1, replay=1, kl_coef=0.05)


@pytest.mark.parametrize(
    ("options", "tuning"),
    [
        *((Reward(reward_type=name), COIN) for name in CHANNELS if name in {
            "plus_minus", "weighted", "random", "higher_lower", "noisy_binary", "told_in_words", "told_which_digit",
            "tests_passed",
        }),
        *((Reward(reward_type=name), BY_DISTANCE) for name in ("log_distance", "binned_log_distance", "shuffled_bins")),
        (Reward(reward_type="binary"), Tuning(values=COIN.values, whole=4.0, adapters=10.0)),
        (Reward(reward_type="dense", credit="turn"), rate(1.5e-4, 70, baseline="constant", kl_coef=0.05)),
        (Reward(reward_type="dense", credit="sum"), rate(1e-4, 140, baseline="ema", kl_coef=0.05)),
        (Reward(reward_type="environment"), rate(2e-4)),
    ],
    ids=str,
)  # fmt: skip
def test_what_was_tuned_for_a_reward(options: Any, tuning: Tuning) -> None:
    """On other secrets than those that are judged: other numbers were not."""
    assert make_channel(options, N, num_turns=1).tuning(options) == tuning


def test_a_reward_that_nobody_chose_is_binary() -> None:
    assert make_channel(Reward(reward_type=None), N, num_turns=1) == Binary()


def test_a_right_reply_is_owed_what_is_highest_where_that_points_at_the_answer() -> None:
    assert Dense(num_hits=3).full(HIT) == 3.0 and Binary().full(HIT) == 1.0
    assert make_channel(Reward(reward_type="higher_lower"), N, num_turns=1).full(HIT) is None


def test_a_function_from_outside_knows_how_long_the_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def level(completions: list[str]) -> list[float]:
        return [0.0 for _ in completions]

    monkeypatch.setattr(outside, "loaded", {})
    source = outside.Source("python:level", b"")
    monkeypatch.setitem(outside.handed, "python:level", outside.Handed(level, source))
    found = make_channel(Reward(reward_type="python:level"), N, 1, num_steps=9)
    assert found == FunctionReward(level, 9)
