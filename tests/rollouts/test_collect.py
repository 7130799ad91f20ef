from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Parts

from straw.engines.base import SamplingParams
from straw.rewards.controls import Random
from straw.rollouts.collect import SeedKey, collect, finish
from straw.rollouts.datums import datum_of, spans
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.types import End, Message, Problem, Rollout, Turn

SINGLE, MULTI = "N=8 num_secrets=2", "N=8 num_secrets=2 env_type=multi_step"


@pytest.fixture(scope="module")
def both(shared_cache: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        yield {name: Parts(name) for name in (SINGLE, MULTI)}


def rollouts(
    parts: Parts, groups: list[int], group_size: int = 4, *, step: int = 1, params: SamplingParams | None = None
) -> list[list[Rollout]]:
    """Groups with these numbers; group g answers the problem g mod 2."""
    problems = [parts.task.problem(group) for group in groups]
    places = [SeedKey(seed=0, step=step, group=group) for group in groups]
    return collect(parts.engine, parts.task, parts.channel, problems, places, group_size, params or parts.params)


def test_a_single_turn_is_what_the_engine_wrote(both: Any) -> None:
    parts = both[SINGLE]
    for rollout in rollouts(parts, [0], group_size=8)[0]:
        (turn,) = rollout.turns
        assert turn.prompt == parts.chat.opening(rollout.problem.messages)
        assert parts.chat.decode(turn.reply) == rollout.replies[0]
        assert turn.reply[-1] == parts.chat.end
        assert rollout.end is End.ANSWERED
        assert rollout.rewards == {"binary": float(rollout.replies == rollout.problem.reference)}


def test_a_conversation_goes_on_with_the_very_tokens_that_were_written(both: Any) -> None:
    parts = both[MULTI]
    for rollout in rollouts(parts, [0], group_size=8)[0]:
        assert len(rollout.turns) == 3
        read = parts.chat.opening(rollout.problem.messages)
        for number, turn in enumerate(rollout.turns, start=1):
            assert turn.prompt == read
            read = turn.prompt + turn.reply + parts.chat.continuation(Message("user", f"Bit {number + 1}?"))
        assert rollout.end is End.ANSWERED
        assert rollout.turn_rewards == tuple(
            float(said == right) for said, right in zip(rollout.replies, rollout.problem.reference, strict=True)
        )
        assert rollout.reward == sum(rollout.turn_rewards)


def test_a_reply_that_runs_out_of_tokens_is_cut_short(both: Any) -> None:
    parts = both[SINGLE]
    (group,) = rollouts(parts, [0], group_size=8, params=replace(parts.params, max_tokens=1))
    assert {len(rollout.turns[0].reply) for rollout in group} == {1}
    assert {rollout.end for rollout in group} == {End.OUT_OF_TOKENS}
    assert {rollout.reward for rollout in group} == {0.0}  # even "1" alone: its end token belongs to the answer
    assert not any(rollout.grade.well_formed for rollout in group)


def test_a_cut_reply_is_closed_before_the_conversation_goes_on(both: Any) -> None:
    parts = both[MULTI]
    rollout = rollouts(parts, [0], group_size=1, params=replace(parts.params, max_tokens=1))[0][0]
    first, second, _ = rollout.turns
    heard = parts.chat.continuation(Message("user", "Bit 2?"))
    assert second.prompt == first.prompt + first.reply + (parts.chat.end,) + heard
    assert rollout.end is End.OUT_OF_TOKENS


def test_one_cut_reply_is_enough_to_be_cut_short(both: Any) -> None:
    parts = both[MULTI]
    problem = parts.task.problem(0)
    turn = Turn(prompt=(1,), reply=parts.chat.encode_reply("1"), logprobs=(0.0, 0.0), policy_version=0)
    ends = [[True, True, True], [True, False, True], [True, True, False]]
    found = [finish(parts.chat, parts.task, problem, [(turn, stopped) for stopped in row]).end for row in ends]
    assert found == [End.ANSWERED, End.OUT_OF_TOKENS, End.OUT_OF_TOKENS]
    assert finish(parts.chat, parts.task, problem, [(turn, True)]).end is End.OUT_OF_TURNS


@dataclass(frozen=True)
class Talkative:
    """Answers every reply at a length that depends on it, and leaves whoever said 0 first."""

    task: SecretBits

    def __getattr__(self, name: str) -> object:
        return getattr(self.task, name)

    def next_message(self, problem: Problem, replies: Sequence[str]) -> Message | None:
        if len(replies) >= 3 or replies[0] == "0":
            return None
        return Message("user", "Right or wrong? " * (1 + 2 * (replies[-1] == "1")) + f"Bit {len(replies) + 1}?")


def test_each_row_hears_what_was_said_to_it_and_nothing_else(both: Any) -> None:
    """The trainer reads what the records say; the sampler must have read the same."""
    parts = both[MULTI]
    problem, place = parts.task.problem(0), SeedKey(seed=0, step=1, group=0)
    (group,) = collect(parts.engine, Talkative(parts.task), Random(), [problem], [place], 12, parts.params)
    assert {len(one.turns) for one in group} == {1, 3}
    assert len({len(turn.prompt) for one in group for turn in one.turns[2:]}) == 2
    data = [datum_of(replace(one, advantages=(0.0,) * len(one.turns)), 1.0) for one in group]
    for one, read in zip(group, parts.engine.logprobs(data), strict=True):
        for count, (before, turn) in enumerate(pairwise(one.turns), start=1):
            heard = Talkative(parts.task).next_message(problem, one.replies[:count])
            assert turn.prompt == before.prompt + before.reply + parts.chat.continuation(heard)
        for turn, (first, last) in zip(one.turns, spans(one), strict=True):
            assert read[first:last] == pytest.approx(turn.logprobs, abs=1e-4)


def test_groups_come_back_in_the_order_they_were_asked_for(both: Any) -> None:
    for parts in both.values():
        groups = rollouts(parts, [1, 0, 3, 2, 5], group_size=2)
        assert [len(group) for group in groups] == [2] * 5
        assert [group[0].problem.key for group in groups] == [f"secret-{g % 2}" for g in (1, 0, 3, 2, 5)]
        assert all(one.problem == group[0].problem for group in groups for one in group)


@pytest.mark.parametrize("name", [SINGLE, MULTI])
def test_groups_together_equal_groups_alone_bit_for_bit(both: Any, name: Any) -> None:
    """[0, 2, 4] read one prompt together; in [0, 1, 2] one problem has two groups and the other one."""
    parts = both[name]
    alone = {group: rollouts(parts, [group])[0] for group in range(5)}
    for together in ([0, 2, 4], [0, 1, 2], [3, 1, 0, 2]):
        assert rollouts(parts, together) == [alone[group] for group in together]


def test_a_rollout_does_not_depend_on_how_many_others_there_are(both: Any) -> None:
    for parts in both.values():
        (many,), (few,) = rollouts(parts, [0], group_size=20), rollouts(parts, [0], group_size=3)
        assert many[:3] == few


def test_other_steps_and_groups_draw_other_replies(both: Any) -> None:
    parts = both[SINGLE]
    replies = [
        [rollout.replies for rollout in rollouts(parts, [group], 16, step=step)[0]]
        for step, group in ((1, 0), (2, 0), (1, 2))
    ]
    assert replies[0] != replies[1] != replies[2] != replies[0]


def test_a_channel_s_coins_are_those_of_the_place(both: Any) -> None:
    parts = both[SINGLE]
    places = [SeedKey(seed=3, step=5, group=group) for group in (0, 2)]
    problems = [parts.task.problem(0)] * 2
    groups = collect(parts.engine, parts.task, Random(), problems, places, 8, parts.params)
    for place, group in zip(places, groups, strict=True):
        expected = [Random()(rollout.grade, place.coin(sample)).total for sample, rollout in enumerate(group)]
        assert [rollout.reward for rollout in group] == expected
    assert {rollout.reward for group in groups for rollout in group} == {0.0, 1.0}
