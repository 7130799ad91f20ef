from __future__ import annotations

from dataclasses import replace

import pytest
from tests.small_runs import Parts

from straw.measure.accuracy import Answered, accuracy_of, ask
from straw.measure.shares import share_interval
from straw.tasks.digits import ReverseDigits
from straw.types import End

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
