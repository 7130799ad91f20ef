from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from straw.config import load_page
from straw.training.checks.unpaid_form import starved
from straw.types import End, Grade, Message, Problem, Rollout


@dataclass(frozen=True)
class Asked:
    """As much of a task as is looked at: exact reads tags."""

    name: str = "gsm8k"
    grader_name: str = "exact"
    max_turns: int = 1
    reply_limit: int = 0
    num_problems: int = 1

    def problem(self, index: Path) -> None: ...

    def next_message(self, problem: Any, replies: Any) -> None: ...

    def grade(self, problem: Any, replies: Any, end: Any) -> None: ...


def rollouts(count: int, reply: str, gold: str | None = "18", *, kept: bool = False, right: bool = False) -> Any:
    facts = {} if gold is None else {"answer": gold}
    problem = Problem(key="a", messages=(Message("user", "?"),), reference=("18",), facts=facts)
    grade = Grade(hits=(right,), well_formed=kept)
    return [Rollout(problem=problem, turns=(), replies=(reply,), end=End.ANSWERED, grade=grade, rewards={})] * count


def said(*groups: Any) -> str | None:
    options = load_page(None, {"kind": "gsm8k", "path": "x"}).page.task
    return starved(Asked(), options, [one for group in groups for one in group])


def test_right_answers_in_another_form_are_counted_and_the_ways_to_pay_them_named() -> None:
    line = said(rollouts(14, "The answer is 18."), rollouts(18, "I do not know"))
    assert line is not None
    assert line.startswith(
        "0 of 32 rollouts at the start kept the form that is asked for (xml), and 14 were right by the lenient grader "
        "where exact found 0 right: answers in another form earn nothing."
    )
    assert all(way in line for way in ("grader=extract", "grader=lenient", "system_prompt=boxed", "warmup=auto"))
    assert "\n" not in line


def test_where_nothing_is_right_by_any_grader_the_way_out_is_another() -> None:
    line = said(rollouts(32, "Let us think"))
    assert line is not None and "0 were right by the lenient grader" in line
    assert "no right answer to reinforce yet" in line and "grader=lenient" not in line


def test_a_model_that_keeps_the_form_or_is_paid_as_often_as_it_is_right_is_left_alone() -> None:
    assert said(rollouts(16, "<answer>18</answer>", kept=True, right=True), rollouts(16, "no")) is None
    assert said(rollouts(32, "<answer>7</answer>", kept=True)) is None
    assert said(rollouts(6, "18", right=True), rollouts(26, "no")) is None


def test_what_compares_in_its_own_way_and_supervised_learning_are_not_asked() -> None:
    assert said(rollouts(32, "3 + 5", gold=None)) is None
    assert said([]) is None
