from __future__ import annotations

import json
from functools import cache
from itertools import product
from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from straw.config import load_page, parse_overrides
from straw.measure.ledger.received import Candidates, Deaf, Observer, Posterior, observer_of
from straw.measure.observer import game_of
from straw.rewards.channel import Channel
from straw.rewards.controls import NoisyBinary
from straw.tasks.base import Enumerable, Task
from straw.types import End, Rollout, Turn

GAMES = (
    "", "reward_type=plus_minus", "reward_type=binned_log_distance reward_bins=4", "reward_type=log_distance",
    "reward_type=log_distance form=raw", "reward_type=shuffled_bins reward_bins=4", "reward_type=higher_lower",
    "env_type=multi_step", "env_type=multi_step credit=sum", "env_type=multi_step reward_type=binary",
    "env_type=multi_step reward_type=log_distance", "N=4 length=2", "N=4 length=2 reward_type=dense credit=sum",
    "N=4 length=2 reward_type=log_distance", "N=4 length=2 reward_type=binned_log_distance",
    "N=4 length=2 reward_type=higher_lower", "reward_type=weighted reward_weights=correctness=1,integer=0.5",
)  # fmt: skip
TURN = Turn(prompt=(1,), reply=(2,), logprobs=(-1.0,), policy_version=0)
REPLIES = ("3", "07", "4", "no", "9", "1 2", "0 3", "3 3", "0", "1", "")


@cache
def game(words: str, secret: int | None = None) -> tuple[Enumerable, Channel]:
    chosen = {"N": "10", **parse_overrides(words.split())}
    if secret is not None:
        chosen["fixed_secret"] = str(secret)
    task, channel = game_of(load_page(None, chosen).page)
    assert isinstance(task, Enumerable)
    return task, channel


def rollout(task: Task, channel: Channel, replies: tuple[str, ...], coin: float = 0.0) -> Rollout:
    problem = task.problem(0)
    grade = task.grade(problem, replies, End.ANSWERED)
    paid = channel(grade, coin)
    return Rollout(
        problem=problem, turns=(TURN,) * len(replies), replies=replies, end=End.ANSWERED, grade=grade,
        rewards={channel.name: paid.total}, turn_rewards=paid.per_turn,
    )  # fmt: skip


def told(rollout: Rollout) -> object:
    return rollout.turn_rewards or round(rollout.reward, 6)


def observe(observer: Observer, task: Enumerable, rollout: Rollout) -> float:
    return observer.observe(rollout, task.target_index(rollout.problem))


@settings(max_examples=8, deadline=None)
@pytest.mark.parametrize("words", GAMES)
@given(data=st.data())
def test_those_are_left_that_would_have_been_paid_alike(words: Any, data: Any) -> None:
    """Against the channel itself, asked for every secret there is; a sequence is varied in its first item."""
    task, channel = game(words)
    turns = task.max_turns
    spoken = [tuple(data.draw(st.sampled_from(REPLIES)) for _ in range(turns)) for _ in range(4)]
    secret = data.draw(st.integers(0, task.hidden.N - 1))
    task, channel = game(words, secret)
    observer = observer_of(task, channel)
    assert isinstance(observer, Candidates)
    before = -1.0
    for replies in spoken:
        observe(observer, task, rollout(task, channel, replies))
        assert before <= observer.received_bits <= log2(task.space) + 1e-9
        before = observer.received_bits
    left = observer.left["secret-0"]
    assert task.target_index(task.problem(0)) in left
    for other in range(task.hidden.N):
        if task.hidden.length == 1:
            like = game(words, other)
            alike = all(told(rollout(*like, said)) == told(rollout(task, channel, said)) for said in spoken)
            assert alike == (other in left), (other, spoken)


def test_a_sequence_is_judged_item_by_item() -> None:
    """Secret 3 1 of 16; one of "1 1" is right, so "0 1", "2 1", "3 1", "1 0", "1 2" and "1 3" are left."""
    task, channel = game("N=4 length=2 reward_type=dense credit=sum", 3)
    assert task.hidden.of(0) == (3, 1)
    observer = observer_of(task, channel)
    observe(observer, task, rollout(task, channel, ("1 1",)))
    assert {divmod(int(one), 4) for one in observer.left["secret-0"]} == {
        (0, 1),
        (2, 1),
        (3, 1),
        (1, 0),
        (1, 2),
        (1, 3),
    }


def test_a_turn_that_was_not_read_says_nothing_and_the_others_do() -> None:
    task, channel = game("N=8 env_type=multi_step", 5)
    observer = observer_of(task, channel)
    observe(observer, task, rollout(task, channel, ("1", "maybe", "0")))
    assert list(observer.left["secret-0"]) == [5, 7]


def test_prompts_have_sets_of_their_own() -> None:
    task, channel = game("num_secrets=2")
    observer = observer_of(task, channel)
    observe(observer, task, rollout(task, channel, task.problem(0).reference))
    assert observer.received_bits == pytest.approx(log2(10))


def test_what_was_heard_is_kept() -> None:
    task, channel = game("reward_type=binned_log_distance", 3)
    one, two = observer_of(task, channel), observer_of(task, channel)
    observe(one, task, rollout(task, channel, ("9",)))
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert two.received_bits == one.received_bits > 0
    observe(one, task, rollout(task, channel, ("4",)))
    observe(two, task, rollout(task, channel, ("4",)))
    assert np.array_equal(one.left["secret-0"], two.left["secret-0"])


def test_a_fair_coin_says_nothing() -> None:
    task, channel = game("reward_type=random")
    observer = observer_of(task, channel)
    observe(observer, task, rollout(task, channel, ("3",)))
    assert observer.received_bits == 0
    np.testing.assert_allclose(observer.shares("secret-0"), 1 / task.space)


def test_a_flipped_reward_moves_the_odds() -> None:
    """e = 1/4: a 1 for guess 3 makes it three times likelier than another: 3 / 12 of the mass; 4 goes to 1/3."""
    task, channel = game("reward_type=noisy_binary flip_probability=0.25", 3)
    observer = observer_of(task, channel)
    assert isinstance(observer, Posterior)
    observe(observer, task, rollout(task, channel, ("3",), coin=0.9))
    assert observer.received_bits == pytest.approx(log2(10 * 3 / 12))
    observe(observer, task, rollout(task, channel, ("4",), coin=0.9))
    assert observer.received_bits == pytest.approx(log2(10 * 3 / (3 + 1 / 3 + 8)))
    again = observer_of(task, channel)
    again.load_state_dict(json.loads(json.dumps(observer.state_dict())))
    assert again.received_bits == observer.received_bits


def test_noise_of_none_is_the_binary_channel() -> None:
    """Seven of ten excluded, one way and the other."""
    quiet, plain = game("reward_type=noisy_binary flip_probability=0", 9), game("", 9)
    observers = [observer_of(*quiet), observer_of(*plain)]
    for guess in range(7):
        for observer, (task, channel) in zip(observers, (quiet, plain), strict=True):
            observe(observer, task, rollout(task, channel, (str(guess),), coin=0.5))
    assert observers[0].received_bits == pytest.approx(observers[1].received_bits, abs=1e-6)


def test_the_posterior_gives_what_is_told_and_no_more() -> None:
    """The mean of N P(S) over all secrets and all coins is what it has to be: mean 1/posterior-odds obeys Bayes."""
    outcomes = []
    for secret, coins in product(range(4), product((False, True), repeat=3)):
        task, channel = game("N=4 reward_type=noisy_binary flip_probability=0.2", secret)
        observer = observer_of(task, channel)
        for guess, flipped in zip("012", coins, strict=True):
            observe(observer, task, rollout(task, channel, (guess,), coin=0.0 if flipped else 0.9))
        chance = 0.25 * 0.2 ** sum(coins) * 0.8 ** (3 - sum(coins))
        outcomes.append((chance, observer.received_bits))
    assert sum(chance * 2**-bits for chance, bits in outcomes) == pytest.approx(1)  # E[p(S) / p(S | told)] = 1
    assert sum(chance * bits for chance, bits in outcomes) > 0


def test_what_an_observer_expected_is_a_code() -> None:
    """Ten secrets: a miss had 9 in 10 and the next 8 in 9; a flipped reward is likelier to be 0 than to be right."""
    task, channel = game("", 3)
    observer = observer_of(task, channel)
    told = [observe(observer, task, rollout(task, channel, (guess,))) for guess in ("0", "1", "1", "no", "3", "7")]
    assert told == pytest.approx([log2(10 / 9), log2(9 / 8), 0, 0, 3, 0])
    assert sum(told) == pytest.approx(observer.received_bits)


def test_what_an_observer_of_flips_expected_is_a_code_too() -> None:
    """e = 1/4, the first guess paid: 1/10 x 3/4 + 9/10 x 1/4 = 0.3. Then it has 3 of 12: 1/4 x 3/4 + 3/4 x 1/4."""
    task, channel = game("reward_type=noisy_binary flip_probability=0.25", 3)
    observer = observer_of(task, channel)
    assert observe(observer, task, rollout(task, channel, ("no",))) == 0
    assert observe(observer, task, rollout(task, channel, ("3",), coin=0.9)) == pytest.approx(-log2(0.3))
    assert observe(observer, task, rollout(task, channel, ("3",), coin=0.1)) == pytest.approx(-log2(1 - 0.375))


def test_flips_that_never_come_are_no_logarithm_of_nothing() -> None:
    task, _ = game("", 3)
    channel = NoisyBinary(flip_probability=0.0)
    observer = observer_of(task, channel)
    told = [observe(observer, task, rollout(task, channel, (guess,), coin=0.5)) for guess in ("0", "3", "3")]
    assert all(0 <= bits < 4 for bits in told) and observer.received_bits == pytest.approx(log2(10), abs=1e-6)


def test_too_many_secrets_are_not_listed() -> None:
    assert observer_of(*game("N=100000")) is None


def test_who_hears_a_channel_depends_on_what_it_lets_an_observer_conclude() -> None:
    kinds = {
        "": Candidates, "reward_type=noisy_binary flip_probability=0.2": Posterior, "reward_type=random": Deaf,
    }  # fmt: skip
    assert {words: type(observer_of(*game(words))) for words in kinds} == kinds


def test_a_fair_coin_costs_a_bit_for_every_reply_that_was_read() -> None:
    task, channel = game("reward_type=random", 3)
    observer = observer_of(task, channel)
    assert [observe(observer, task, rollout(task, channel, (text,))) for text in ("3", "no", "4")] == [1, 0, 1]
    assert observer.received_bits == 0 and observer.state_dict() == {}


def test_what_is_left_shares_all_that_can_be() -> None:
    task, channel = game("", 3)
    observer = observer_of(task, channel)
    assert observer.shares("secret-0").tolist() == [0.1] * 10
    for guess in ("0", "9"):
        observe(observer, task, rollout(task, channel, (guess,)))
    assert observer.shares("secret-0") == pytest.approx([0, *[1 / 8] * 8, 0])
    assert observer.shares("another") == pytest.approx([0.1] * 10)
    observe(observer, task, rollout(task, channel, ("3",)))
    assert observer.shares("secret-0").tolist() == [float(secret == 3) for secret in range(10)]


def test_the_shares_of_a_posterior_are_as_likely_as_what_was_paid_makes_them() -> None:
    """e = 1/4: a paid guess is three times as likely as before, one that was not paid a third."""
    task, channel = game("reward_type=noisy_binary flip_probability=0.25", 3)
    observer = observer_of(task, channel)
    for guess, coin in (("3", 0.9), ("5", 0.9), ("3", 0.9), ("0", 0.1)):
        observe(observer, task, rollout(task, channel, (guess,), coin=coin))
    weights = np.ones(10)
    weights[[0, 3, 5]] = 3, 9, 1 / 3
    assert observer.shares("secret-0") == pytest.approx(weights / weights.sum())
    assert observer.received_bits == pytest.approx(log2(10 * 9 / weights.sum()))
    assert observer.shares("another") == pytest.approx([0.1] * 10)


def test_a_sequence_that_is_flipped_is_one_guess_of_all_its_parts() -> None:
    """3 1 of sixteen is the fourteenth, and paid for: e = 1/4 makes it three of 18."""
    task, channel = game("N=4 length=2 reward_type=noisy_binary flip_probability=0.25", 3)
    assert task.target_index(task.problem(0)) == 13
    observer = observer_of(task, channel)
    assert isinstance(observer, Posterior)
    observe(observer, task, rollout(task, channel, ("3 1",), coin=0.9))
    assert observer.nats["secret-0"].keys() == {"13"}
    assert observer.received_bits == pytest.approx(log2(16 * 3 / 18))
    observe(observer, task, rollout(task, channel, ("1 2",), coin=0.9))
    assert observer.nats["secret-0"].keys() == {"13", "6"}


def test_prompts_that_are_flipped_have_odds_of_their_own() -> None:
    task, channel = game("num_secrets=2 reward_type=noisy_binary flip_probability=0.25")
    observer = observer_of(task, channel)
    for place in (0, 1):
        problem = task.problem(place)
        grade = task.grade(problem, problem.reference, End.ANSWERED)
        told = Rollout(problem=problem, turns=(TURN,), replies=tuple(problem.reference), end=End.ANSWERED, grade=grade,
                       rewards={channel.name: channel(grade, 0.9).total})  # fmt: skip
        observe(observer, task, told)
    assert observer.received_bits == pytest.approx(2 * log2(10 * 3 / 12))


def test_candidates_of_any_number_are_kept_and_come_back() -> None:
    """Ten secrets fill a byte and a quarter."""
    task, channel = game("reward_type=binned_log_distance reward_bins=4", 9)
    one, two = observer_of(task, channel), observer_of(task, channel)
    assert isinstance(one, Candidates) and isinstance(two, Candidates)
    one.left = {"a": np.array([0, 7, 8, 9]), "b": np.array([3])}
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert {prompt: left.tolist() for prompt, left in two.left.items()} == {"a": [0, 7, 8, 9], "b": [3]}
    assert two.received_bits == pytest.approx(log2(10 / 4) + log2(10))


def test_bits_that_spell_a_number_beyond_the_secrets_move_no_odds() -> None:
    """Ten secrets in four bits: a pay for 10 is a flip for sure, and one for 9 may be none."""
    task, channel = game("env_type=multi_step reward_type=noisy_binary flip_probability=0.25", 9)
    observer = observer_of(task, channel)
    assert isinstance(observer, Posterior)
    beyond = observe(observer, task, rollout(task, channel, ("1", "0", "1", "0"), coin=0.9))
    assert beyond == pytest.approx(-log2(0.75)) and observer.nats["secret-0"] == {}
    right = observe(observer, task, rollout(task, channel, ("1", "0", "0", "1"), coin=0.9))
    assert right == pytest.approx(-log2(0.3)) and observer.nats["secret-0"].keys() == {"9"}
