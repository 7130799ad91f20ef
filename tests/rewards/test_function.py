"""Rewards that are plain functions: what they are given, what they may give, and what is refused."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from straw.errors import RewardError
from straw.rewards.function import FunctionReward, Told, TrainerState, arguments, completion_of
from straw.types import End, Grade, Message, Play, Problem, Rollout, ToolCall, Turn

GRADE = Grade(hits=(True,), well_formed=True)


def said(*replies: str, key: str = "a", conversation: bool = False, **more: Any) -> Rollout:
    turns = tuple(
        Turn(prompt=(1,), reply=(7, number), logprobs=(0.0, 0.0), policy_version=0) for number in range(len(replies))
    )
    problem = Problem(
        key=key, messages=(Message("system", "Be brief."), Message("user", f"{key}?")), reference=("",),
        is_conversation=conversation, **more,
    )  # fmt: skip
    return Rollout(problem=problem, turns=turns, replies=replies, end=End.ANSWERED, grade=GRADE)


def paid(function: Any, *rollouts: Rollout, step: int = 3, num_steps: int | None = 9) -> list[Any]:
    return FunctionReward(function, num_steps).pay(rollouts, [0.0] * len(rollouts), step)


def test_a_function_is_given_what_it_names_and_everything_where_it_takes_everything() -> None:
    seen: dict[str, Any] = {}

    def lengths(completions: list[str], prompts: list[str], trainer_state: Any, level: Any = None) -> list[int]:
        seen.update(completions=completions, prompts=prompts, state=trainer_state, level=level)
        return [len(one) for one in completions]

    one, other = said("ab", facts={"level": 2}), said("c", "de", key="b", columns={"prompt": "no", "more": 5})
    found = paid(lengths, one, other)
    assert [(p.total, dict(p.parts)) for p in found] == [(2.0, {"lengths": 2.0}), (4.0, {"lengths": 4.0})]
    assert seen == {
        "completions": ["ab", "c\nde"], "prompts": ["a?", "b?"], "state": TrainerState(3, 9), "level": [2, None]
    }  # fmt: skip
    everything: dict[str, Any] = {}

    def takes_all(**columns: Any) -> list[float]:
        everything.update(columns)
        return [0.0, 0.0]

    paid(takes_all, one, other)
    assert everything["completion_ids"] == [[7, 0], [7, 0, 7, 1]] and everything["more"] == [None, 5]
    assert set(everything) == {
        "level", "more", "prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"
    }  # fmt: skip


def test_a_function_that_exits_ends_the_run_with_a_line_and_not_as_if_it_were_done() -> None:
    def leaves(completions: list[str]) -> list[float]:
        raise SystemExit(0)

    async def waits_and_leaves(completions: list[str]) -> list[float]:
        raise SystemExit

    for function, said_ in ((leaves, "leaves ended .* .SystemExit: 0."), (waits_and_leaves, "waits_and_leaves ended")):
        with pytest.raises(RewardError, match=said_):
            paid(function, said("ab"))


def test_what_a_function_does_to_a_column_nobody_else_finds_there() -> None:
    def taken(numbers: list[list[int]], rows: list[list[int]], **more: Any) -> list[float]:
        return [float(given.pop() + row.pop()) for given, row in zip(numbers, rows, strict=True)]

    one = said("ab", facts={"numbers": [1, 2]}, columns={"rows": [10, 20]})
    for _ in range(2):
        assert [payment.total for payment in paid(taken, one, one)] == [22.0, 22.0]
    assert (one.problem.facts, one.problem.columns) == ({"numbers": [1, 2]}, {"rows": [10, 20]})


def test_what_there_is_not_may_have_a_default() -> None:
    def lenient(completions: list[str], nowhere: float = 0.25) -> list[float]:
        return [nowhere for _ in completions]

    assert [one.total for one in paid(lenient, said("a"))] == [0.25]


def test_columns_go_before_facts() -> None:
    one = said("x", facts={"level": 1}, columns={"level": 2})
    assert arguments([one], TrainerState(1), Told())["level"] == [2]


def test_of_a_prompt_that_is_a_text_the_last_message_is_the_prompt() -> None:
    messages = (Message("system", "Be brief."), Message("user", "Before?"), Message("user", "Now?"))
    one = said("x")
    problem = Problem(key="a", messages=messages, reference=("",))
    asked = Rollout(problem=problem, turns=one.turns, replies=one.replies, end=one.end, grade=GRADE)
    assert arguments([asked], TrainerState(1), Told())["prompts"] == ["Now?"]


def test_what_is_no_plain_value_is_logged_as_a_text() -> None:
    told = Told()
    told.log_extra("kind", ["a", 1, 0.5, None, True, [2]])
    told.log_metric("seen", 2)
    assert told.extra == {"kind": ["a", 1, 0.5, None, True, "[2]"]} and told.metrics == {"seen": 2.0}
    assert told.extra_of(5) == {"kind": "[2]"}


def test_conversations_are_lists_of_messages() -> None:
    one = said("x", conversation=True)
    given = arguments([one], TrainerState(1), Told())
    assert given["prompts"] == [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a?"}]]
    assert given["completions"] == [[{"role": "assistant", "content": "x"}]]


def test_of_an_episode_a_completion_has_its_calls_and_what_they_gave() -> None:
    calls = (
        ToolCall(turn=0, name="add", arguments={"a": 1}, result="3", status="answered"),
        ToolCall(turn=0, name="look", arguments={}, result="nothing", status="answered"),
    )
    play = Play(
        environment="game", calls=calls, heard=("3\nnothing", ""), tools=("add",), reward=None, turn_rewards=None,
        solved=None, reason="", seconds=0.0,
    )  # fmt: skip
    one = said("add(1)", "done")
    done = Rollout(problem=one.problem, turns=one.turns, replies=one.replies, end=one.end, grade=GRADE, play=play)
    functions = [{"name": "add", "arguments": {"a": 1}}, {"name": "look", "arguments": {}}]
    assert completion_of(done) == [
        {
            "role": "assistant", "content": "add(1)",
            "tool_calls": [{"type": "function", "function": one} for one in functions],
        },
        {"role": "tool", "name": "add", "content": "3"}, {"role": "tool", "name": "look", "content": "nothing"},
        {"role": "assistant", "content": "done"},
    ]  # fmt: skip


def test_what_is_logged_goes_with_each_rollout_and_with_the_step() -> None:
    def logs(completions: list[str], log_extra: Any, log_metric: Any) -> list[float | None]:
        log_extra("kind", ["short", object])
        log_metric("seen", 1)
        log_metric("seen", 3)  # the mean, as in TRL
        return [1, None]

    one, other = paid(logs, said("a"), said("b"))
    assert (one.total, dict(one.parts), one.extra["kind"], one.metrics) == (1.0, {"logs": 1.0}, "short", {"seen": 2.0})
    assert (other.total, dict(other.parts), other.metrics) == (0.0, {}, {"seen": 2.0})
    assert other.extra["kind"] == str(object)


def test_a_function_may_be_async() -> None:
    async def later(completions: list[str]) -> list[float]:
        await asyncio.sleep(0)
        return [0.5 for _ in completions]

    assert [one.total for one in paid(later, said("a"), said("b"))] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("give", "why"),
    [
        (lambda completions: [1.0], "gave 1 for 2"), (lambda completions: [1.0, 2.0, 3.0], "gave 3 for 2"),
        (lambda completions: [1.0, math.nan], "gave nan"), (lambda completions: [1.0, math.inf], "gave inf"),
        (lambda completions: [1.0, 10**400], "gave 1000"),  # no float holds it
        (lambda completions: [1.0, "much"], "gave 'much'"), (lambda completions: [[1.0], 2.0], r"gave \[1.0\]"),
        (lambda completions: 1.0, "gave 1.0 for 2"),  # nothing that has numbers in it
        (lambda completion: [1.0, 2.0], "asks for completion, and there is completion_ids, completions"),
        (lambda log_extra: log_extra("kind", ["a"]) or [1.0, 2.0], "gave 1 of kind for 2"),
    ],
)  # fmt: skip
def test_what_is_no_reward_is_refused_with_its_number(give: Any, why: str) -> None:
    with pytest.raises(RewardError, match=why):
        paid(give, said("a"), said("b"))


def test_what_a_function_declares_is_its_channel() -> None:
    def bare(completions: list[str]) -> list[float]:
        return [0.0]

    plain = FunctionReward(bare)
    assert (plain.name, plain.levels, plain.lowest, plain.highest, plain.plateau) == (
        "bare", None, -math.inf, math.inf, None
    )  # fmt: skip
    assert plain.deterministic is False and plain.reads_replies
    bare.lowest, bare.highest, bare.levels, bare.deterministic = -1, 2, 4, True  # type: ignore[attr-defined]
    assert (plain.levels, plain.lowest, plain.highest, plain.deterministic) == (4, -1.0, 2.0, True)

    class Judge:
        def __call__(self, completions: list[str]) -> list[float]:
            return [0.0]

    assert FunctionReward(Judge()).name == "Judge"
    with pytest.raises(TypeError, match="cannot pay for a grade alone"):
        plain(GRADE, 0.0)
