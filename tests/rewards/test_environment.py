"""What an environment pays, alone and beside another channel."""

from __future__ import annotations

import math
from typing import Any

import pytest

from straw.rewards.controls import HigherLower, NoisyBinary
from straw.rewards.environment import BesideEnvironment, EnvironmentPay
from straw.rewards.outcome import Binary
from straw.types import End, Grade, Message, Play, Problem, Rollout

PROBLEM = Problem(key="a", messages=(Message("user", "?"),), reference=("",))


def played(
    reward: float | None, by_turn: tuple[float, ...] | None = None, *, right: bool = True, failed: bool = False
) -> Rollout:
    play = Play(
        environment="game", calls=(), heard=(), tools=(), reward=reward, turn_rewards=by_turn, solved=None,
        reason="it broke" if failed else "", seconds=0.0,
    )  # fmt: skip
    grade = Grade(hits=(right,), well_formed=True)
    end = End.FAILED if failed else End.ANSWERED
    return Rollout(problem=PROBLEM, turns=(), replies=(), end=end, grade=grade, play=play)


def paid(channel: Any, *rollouts: Rollout) -> list[tuple[float, dict[str, float], tuple[float, ...] | None]]:
    found = channel.pay(rollouts, [0.0] * len(rollouts), 1)
    return [(one.total, dict(one.parts or {}), one.per_turn) for one in found]


def test_turns_are_paid_by_themselves_where_all_of_a_step_were() -> None:
    one, other = played(3.0, (1.0, 2.0)), played(1.0)
    assert paid(EnvironmentPay(), one) == [(3.0, {"game": 3.0}, (1.0, 2.0))]
    assert paid(EnvironmentPay(), one, other) == [(3.0, {"game": 3.0}, None), (1.0, {"game": 1.0}, None)]
    assert paid(EnvironmentPay(credit="sum"), one) == [(3.0, {"game": 3.0}, None)]


def test_what_failed_or_was_not_judged_has_no_part() -> None:
    one, failed, silent = played(3.0, (3.0,)), played(None, failed=True), played(None, (0.0,))
    assert paid(EnvironmentPay(), one, failed) == [(3.0, {"game": 3.0}, (3.0,)), (0.0, {}, None)]
    assert paid(EnvironmentPay(), silent) == [(0.0, {}, None)]
    assert paid(EnvironmentPay(), failed) == [(0.0, {}, None)]


def test_another_channel_is_asked_for_those_that_did_not_fail_and_the_environment_pays_on_top() -> None:
    class Named(Binary):
        def pay(self, rollouts: Any, draws: Any, step: int) -> Any:
            assert all(one.end is not End.FAILED for one in rollouts) and len(draws) == len(rollouts)
            return [type(one)(total=2.0, parts={"mine": 2.0}) for one in super().pay(rollouts, draws, step)]

    failed, one, other = played(None, failed=True), played(3.0, (1.0, 2.0)), played(0.5, right=False)
    both = BesideEnvironment(Named(), EnvironmentPay())
    assert paid(both, failed, one, other) == [
        (0.0, {}, None), (5.0, {"mine": 2.0, "game": 3.0}, None), (2.5, {"mine": 2.0, "game": 0.5}, None)
    ]  # fmt: skip
    alone = BesideEnvironment(Named())
    assert paid(alone, one, failed) == [(2.0, {"mine": 2.0}, None), (0.0, {}, None)]
    assert paid(both, failed) == [(0.0, {}, None)]


def test_a_channel_that_names_no_parts_is_one_beside_what_the_environment_pays() -> None:
    both = BesideEnvironment(Binary(), EnvironmentPay())
    assert paid(both, played(3.0), played(0.5, right=False), played(None), played(2.0, failed=True)) == [
        (4.0, {"binary": 1.0, "game": 3.0}, None), (0.5, {"binary": 0.0, "game": 0.5}, None),
        (1.0, {"binary": 1.0}, None), (0.0, {}, None),
    ]  # fmt: skip


def test_each_of_those_that_did_not_fail_meets_its_own_draw() -> None:
    flips = BesideEnvironment(NoisyBinary(flip_probability=0.25))
    found = flips.pay([played(None, failed=True), played(None), played(None)], [0.9, 0.1, 0.5], 1)
    assert [one.total for one in found] == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("environment", [None, EnvironmentPay()])
def test_a_channel_that_pays_fewer_than_there_are_is_refused(environment: Any) -> None:
    class Few(Binary):
        def pay(self, rollouts: Any, draws: Any, step: int) -> Any:
            return super().pay(rollouts[:1], draws[:1], step)

    with pytest.raises(ValueError, match="zip"):
        paid(BesideEnvironment(Few(), environment), played(1.0), played(2.0))


def test_without_an_environment_there_is_no_part_and_turns_of_others_are_paid_all_the_same() -> None:
    bare = Rollout(problem=PROBLEM, turns=(), replies=(), end=End.ANSWERED, grade=Grade(hits=(True,), well_formed=True))
    assert paid(EnvironmentPay(), bare) == [(0.0, {}, None)]
    assert paid(EnvironmentPay(), bare, played(3.0, (1.0, 2.0))) == [(0.0, {}, None), (3.0, {"game": 3.0}, (1.0, 2.0))]


def test_nothing_is_known_of_what_an_environment_pays() -> None:
    pay = EnvironmentPay()
    assert (pay.levels, pay.lowest, pay.highest, pay.plateau) == (None, -math.inf, math.inf, None)
    assert pay.reads_replies and not pay.deterministic and pay.full(Grade(hits=(True,), well_formed=True)) is None


def test_its_levels_are_those_of_the_other_where_the_environment_pays_nothing() -> None:
    alone, both = BesideEnvironment(HigherLower()), BesideEnvironment(HigherLower(), EnvironmentPay())
    assert (alone.name, alone.levels, alone.lowest, alone.highest, alone.plateau) == ("higher_lower", 2, 0.0, 1.0, None)
    assert (both.levels, both.lowest, both.highest) == (None, -math.inf, math.inf)
    assert alone(Grade(hits=(True,), well_formed=True, offsets=(1,)), 0.0).total == 1.0
    assert not both.deterministic and both.reads_replies
    with pytest.raises(TypeError, match="not for a grade alone"):
        EnvironmentPay()(Grade(hits=(True,), well_formed=True), 0.0)
