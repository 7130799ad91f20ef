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
from straw.rollouts.collect import SeedKey, collect, finish, paid_by_step, pay, plain
from straw.rollouts.datums import datum_of, spans
from straw.seeds import seed_for, uniform_for
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.types import End, Grade, Message, Payment, Played, Problem, Rollout, Turn

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


# --- by hand


def test_a_seed_is_a_function_of_run_step_group_sample_and_turn_and_a_coin_of_all_but_the_turn() -> None:
    key = SeedKey(seed=3, step=5, group=7)
    assert key.sample_seed(2, 4) == seed_for(3, "sample", 5, 7, 2, 4)
    assert key.coin(2) == uniform_for(3, "channel", 5, 7, 2)


@dataclass
class Paying:
    """A channel that pays as told, and says what it was asked."""

    payments: list[Payment]
    name: str = "paying"

    def __post_init__(self) -> None:
        self.asked: list[Any] = []

    def pay(self, rollouts: Any, coins: Any, step: int) -> list[Payment]:
        self.asked.append((list(rollouts), list(coins), step))
        return [self.payments.pop(0) for _ in rollouts]


def one(reply: str = "1") -> Rollout:
    turn = Turn(prompt=(1,), reply=(2,), logprobs=(0.0,), policy_version=0)
    problem = Problem(key="a", messages=(Message("user", "?"),), reference=("1",))
    grade = Grade(hits=(True,), well_formed=True)
    return Rollout(problem=problem, turns=(turn,), replies=(reply,), end=End.ANSWERED, grade=grade)


def test_a_rollout_is_paid_in_all_or_in_named_parts_with_all_that_the_channel_says() -> None:
    whole = Payment(total=0.5)
    parts = Payment(
        total=2.0, per_turn=(2.0,), words="higher", parts={"right": 1.5, "form": 0.5}, raw={"right": 3.0},
        extra={"log": 1}, metrics={"m": 2.0},
    )  # fmt: skip
    channel: Any = Paying([whole, parts, Payment(total=1.0, parts={})])
    first, second, third = pay([one(), one(), one()], channel, [0.25, 0.5, 0.75], 4)
    assert channel.asked == [([one(), one(), one()], [0.25, 0.5, 0.75], 4)]
    assert (first.rewards, first.turn_rewards, first.words) == ({"paying": 0.5}, None, "")
    assert (second.rewards, second.raw_rewards) == ({"right": 1.5, "form": 0.5}, {"right": 3.0})
    assert (second.turn_rewards, second.words, second.extra, second.metrics) == ((2.0,), "higher", {"log": 1}, {"m": 2})
    assert third.rewards == {}  # none of its parts could be computed


def test_an_environment_is_given_back_by_whoever_pays_and_once() -> None:
    left: list[str] = []
    shared = {name: getattr(one(), name) for name in ("problem", "turns", "replies", "end", "grade")}
    played = Played(**shared, environment="it", leave=lambda: left.append("it"))
    channel: Any = Paying([Payment(total=0.5)])
    (paid,) = pay([played], channel, [0.5], 1)
    assert left == ["it"] and type(paid) is Rollout and paid.replies == ("1",)
    assert plain(one()) == one() and left == ["it"]


def test_all_rollouts_of_a_step_are_paid_together_and_come_back_in_their_places() -> None:
    """Groups 0 and 2 are of step 5, group 1 of step 6."""
    keys = [SeedKey(0, 5, 0), SeedKey(0, 6, 0), SeedKey(0, 5, 1)]
    rollouts = {group: [one(f"{group}{sample}") for sample in range(2)] for group in range(3)}
    coins = {group: [group + sample / 2 for sample in range(2)] for group in range(3)}
    channel: Any = Paying([Payment(total=float(total)) for total in range(6)])
    found = paid_by_step(channel, keys, rollouts, coins)
    assert [(step, [one.replies[0] for one in asked], drawn) for asked, drawn, step in channel.asked] == [
        (5, ["00", "01", "20", "21"], [0, 0.5, 2, 2.5]), (6, ["10", "11"], [1, 1.5]),
    ]  # fmt: skip
    assert [[(one.replies[0], one.reward) for one in group] for group in found] == [
        [("00", 0), ("01", 1)], [("10", 4), ("11", 5)], [("20", 2), ("21", 3)],
    ]  # fmt: skip


def test_a_grade_knows_how_many_tokens_were_written_in_all_turns(both: Any) -> None:
    parts = both[MULTI]
    reply = parts.chat.encode_reply("1")
    turn = Turn(prompt=(1,), reply=reply, logprobs=(0.0,) * len(reply), policy_version=0)
    found = finish(parts.chat, parts.task, parts.task.problem(0), [(turn, True)] * 3)
    assert found.grade.num_tokens == 6 and found.replies == ("1", "1", "1") and len(found.turns) == 3
