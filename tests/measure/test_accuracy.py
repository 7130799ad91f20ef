from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.small_runs import Parts

from straw.measure.accuracy import Answered, accuracy_of, ask
from straw.measure.shares import share_interval
from straw.seeds import seed_for
from straw.tasks.digits import ReverseDigits
from straw.types import End, Grade, Message, Problem

TASK = ReverseDigits(prompt="short")


def said(*replies: str) -> list[Answered]:
    problems = [TASK.held_out(index) for index in range(len(replies))]
    return [
        Answered(problem=problem, reply=reply, grade=TASK.grade(problem, [reply], End.ANSWERED))
        for problem, reply in zip(problems, replies, strict=True)
    ]


def test_shares_by_hand() -> None:
    right = [TASK.held_out(index).reference[0] for index in range(2)]
    numbers = accuracy_of(said(right[0], right[1].removeprefix("[ANSWER] "), "[ANSWER] 3", "no idea"))
    assert numbers["accuracy"] == 0.5
    assert numbers["format_compliance"] == 0.5
    assert (numbers["accuracy_low"], numbers["accuracy_high"]) == share_interval(2, 4)


def test_a_record_says_what_was_asked_read_and_right() -> None:
    (one,) = said("[ANSWER] 12")
    record = one.record(7)
    assert (record["step"], record["extracted"], record["right"], record["well_formed"]) == (7, 12, False, True)
    assert record["reply"] == "[ANSWER] 12" and str(record["prompt"]).endswith("reversed?")


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts("task=reverse_digits warmup=none")


def test_every_measurement_asks_the_same_with_the_same_luck(parts: Parts) -> None:
    first, second = (ask(parts.engine, parts.task, 5, 3, parts.params) for _ in range(2))
    assert first == second
    assert ask(parts.engine, parts.task, 5, 4, parts.params) != first


def test_a_reply_does_not_depend_on_how_many_are_asked(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    many = ask(parts.engine, parts.task, 6, 0, parts.params)
    monkeypatch.setattr("straw.measure.accuracy.AT_ONCE", 4)
    assert ask(parts.engine, parts.task, 6, 0, parts.params) == many
    assert ask(parts.engine, parts.task, 2, 0, parts.params, first=4) == many[4:]


def test_only_held_out_problems_are_asked(parts: Parts) -> None:
    asked = ask(parts.engine, parts.task, 3, 0, replace(parts.params, max_tokens=2))
    assert [one.problem for one in asked] == [parts.task.held_out(index) for index in range(3)]


# --- without a model ------------------------------------------------------------------------------


class Heard:
    """A task and an engine that write down what they are asked; a reply is the number of its problem and its own."""

    num_held_out: int | None = 150

    def __init__(self) -> None:
        self.calls: list[tuple[list[Any], int, list[list[int]]]] = []
        self.chat = SimpleNamespace(opening=lambda messages: messages[-1].content, decode=lambda tokens: tokens)

    def sample(self, prompts: Any, replies: int, params: Any, seeds: Any) -> Any:
        self.calls.append((list(prompts), replies, seeds))
        return [
            [SimpleNamespace(tokens=f"{prompt}.{number}", stopped=number % 2 == 0) for number in range(replies)]
            for prompt in prompts
        ]

    def held_out(self, index: int) -> Problem:
        return Problem(
            key=str(index), messages=(Message("user", "asks"), Message("user", str(index))), reference=("x",)
        )

    def grade(self, problem: Problem, replies: list[str], end: End) -> Grade:
        return Grade(hits=(end == End.ANSWERED,), well_formed=True, text=f"{problem.key} {replies[0]} {end.value}")


def test_problems_are_asked_64_at_once_and_no_more_than_there_are() -> None:
    heard: Any = Heard()
    found = ask(heard, heard, 200, 7, heard)
    assert [len(prompts) for prompts, _, _ in heard.calls] == [64, 64, 22]
    assert [one.problem.key for one in found] == [str(index) for index in range(150)]
    heard.num_held_out = None
    assert [one.problem.key for one in ask(heard, heard, 2, 7, heard, first=70)] == ["70", "71"]


def test_every_reply_has_a_seed_of_its_problem_and_its_number_and_the_first_is_that_of_one_alone() -> None:
    heard: Any = Heard()
    found = ask(heard, heard, 2, 7, heard, replies=3, first=5)
    ((prompts, replies, seeds),) = heard.calls
    assert (prompts, replies) == (["5", "6"], 3)
    assert seeds == [
        [seed_for(7, "evaluation", index), seed_for(7, "evaluation", index, 1), seed_for(7, "evaluation", index, 2)]
        for index in (5, 6)
    ]
    assert [one.reply for one in found] == ["5.0", "5.1", "5.2", "6.0", "6.1", "6.2"]


def test_a_reply_that_did_not_stop_ran_out_of_tokens() -> None:
    heard: Any = Heard()
    one, other = ask(heard, heard, 1, 0, heard, replies=2)
    assert (one.is_right, one.grade.text) == (True, "0 0.0 answered")
    assert (other.is_right, other.grade.text) == (False, "0 0.1 out_of_tokens")


def test_a_record_tells_a_reward_where_nobody_can_say_what_is_right_and_the_text_where_no_answer_was_read() -> None:
    problem = Problem(key="p", messages=(Message("user", "a"), Message("user", "b")), reference=("1",), facts={"n": 3})
    grade = Grade(hits=(True,), well_formed=False, text="read")
    told = Answered(problem=problem, reply="said", grade=grade).record(3)
    assert told == {
        "step": 3, "problem": "p", "right": True, "well_formed": False, "extracted": "read", "facts": {"n": 3},
        "prompt": "b", "reply": "said",
    }  # fmt: skip
    paid = Answered(problem=problem, reply="said", grade=replace(grade, answer=0), reward=0.0).record(3)
    assert (paid["right"], paid["reward"], paid["extracted"]) == (None, 0.0, 0)


def test_a_conversation_is_right_where_every_turn_is() -> None:
    problem = TASK.held_out(0)
    answered = [
        Answered(problem=problem, reply="", grade=Grade(hits=hits, well_formed=well_formed))
        for hits, well_formed in (
            ((True, True), True),
            ((True, False), True),
            ((False, True), True),
            ((True, True), False),
        )
    ]
    found = accuracy_of(answered)
    assert (found["accuracy"], found["format_compliance"]) == (0.5, 0.75)
