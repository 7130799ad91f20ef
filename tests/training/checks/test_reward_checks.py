from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Parts

from straw.errors import TrainingError
from straw.rewards.channel import Channel
from straw.rewards.controls import NoisyBinary, Random
from straw.rewards.outcome import Binary
from straw.tasks.base import Task
from straw.training.checks.reward_checks import check_deterministic, check_full, check_range, references, said
from straw.types import End, Grade, Payment, Problem, Rollout


@dataclass(frozen=True, slots=True)
class Made(Channel):
    """A channel of one's own."""

    name = "made"
    pays: object
    most: float = 1.0

    @property
    def levels(self) -> int:
        return 2

    @property
    def highest(self) -> float:
        return self.most

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return self.pays(grade, draw)


@pytest.fixture
def parts(home: Path) -> Parts:
    return Parts("N=8")


def answered(parts: Parts) -> list[Rollout]:
    return list(references(parts.chat, parts.task, parts.params.stop))


def test_the_reference_is_read_back_from_tokens(parts: Parts) -> None:
    (rollout,) = answered(parts)
    assert rollout.replies == rollout.problem.reference == ("1",)  # 12345 mod 8
    assert rollout.end is End.ANSWERED and rollout.grade.hits == (True,)


def test_a_turn_goes_as_far_as_the_sampler_would_let_it(parts: Parts) -> None:
    turn, stopped = said(parts.chat, "12", parts.params.stop)
    assert stopped and parts.chat.decode(turn.reply) == "12"
    one = parts.chat.encode_reply("1")[0]
    turn, stopped = said(parts.chat, "12", frozenset({one}))
    assert stopped and turn.reply == (one,)
    turn, stopped = said(parts.chat, "12", frozenset())
    assert not stopped


def test_full_reward_is_the_channels_highest_pay(parts: Parts) -> None:
    rollouts = answered(parts)
    assert check_full(Binary(), rollouts) == "the reference earns 1"
    half = Made(lambda grade, draw: Payment(total=0.5))
    with pytest.raises(TrainingError, match=r"'1' of secret-0 was read as '1' and earned 0\.5 from made"):
        check_full(half, rollouts)
    assert check_full(replace(half, most=0.5), rollouts) == "the reference earns 0.5"


def test_a_coin_owes_full_pay_for_its_luckiest_and_a_control_owes_nothing(parts: Parts) -> None:
    rollouts = answered(parts)
    assert check_full(NoisyBinary(flip_probability=0.3), rollouts) == "the reference earns 1"
    assert "does not point at the reference" in check_full(Random(), rollouts)
    assert "does not point" in check_full(NoisyBinary(flip_probability=0.5), rollouts)


def test_chance_that_does_not_come_from_the_coin_is_found(parts: Parts) -> None:
    ticks = count()
    moody = Made(lambda grade, draw: Payment(total=float(next(ticks) % 2)))
    with pytest.raises(TrainingError, match="made pays the same for the same grade and coin; '1' was paid 0, 1"):
        check_deterministic(moody, parts.task, answered(parts))
    coin = Made(lambda grade, draw: Payment(total=float(draw < 0.5)))  # claims to be deterministic
    with pytest.raises(TrainingError, match="declare deterministic=False"):
        check_deterministic(coin, parts.task, answered(parts))
    assert check_deterministic(Random(), parts.task, answered(parts)) == "equal rollouts paid alike"


class Moody:
    """Grades as it likes."""

    def __init__(self, task: Task) -> None:
        self.task, self.ticks = task, count()

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        return replace(self.task.grade(problem, replies, end), well_formed=next(self.ticks) % 2 == 0)


def test_a_task_that_grades_as_it_likes_is_found(parts: Parts) -> None:
    with pytest.raises(TrainingError, match="graded in 2 ways"):
        check_deterministic(Binary(), Moody(parts.task), answered(parts))


@pytest.mark.parametrize("total", [1.5, -0.5, float("nan"), float("inf")])
def test_pay_beyond_what_the_channel_declares_is_found(parts: Parts, total: Any) -> None:
    channel = Made(lambda grade, draw: Payment(total=total))
    with pytest.raises(TrainingError, match="made declares pay from 0 to 1; '1' was paid"):
        check_range(channel, answered(parts))


def test_turns_have_to_add_up(parts: Parts) -> None:
    channel = Made(lambda grade, draw: Payment(total=1.0, per_turn=(1.0, 1.0)))
    with pytest.raises(TrainingError, match=r"paid turns 2 and the rollout 1"):
        check_range(channel, answered(parts))
