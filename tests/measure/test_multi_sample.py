from __future__ import annotations

import pytest
from tests.small_runs import Parts

from straw.measure.accuracy import Answered, accuracy_of, ask
from straw.measure.multi_sample import several_of
from straw.types import Grade, Message, Problem


def said(text: str, *, right: bool = False) -> Answered:
    problem = Problem(key="p", messages=(Message("user", "2 3 make 5?"),), reference=("2+3",))
    return Answered(problem=problem, reply=text, grade=Grade(hits=(right,), well_formed=True, text=text))


def test_four_replies_to_one_problem_by_hand() -> None:
    found = several_of([said("2+3", right=True), said("3+2", right=True), said("3+2", right=True), said("9")], 4)
    assert (found["accuracy"], found["pass@4"]) == (0.75, 1)
    assert (found["distinct_answers"], found["distinct_right"]) == (3, 2)


def test_counts_are_means_over_problems() -> None:
    found = several_of([said("1"), said("2"), said("3", right=True), said("3", right=True)], 2)
    assert (found["distinct_answers"], found["distinct_right"], found["pass@2"]) == (1.5, 0.5, 0.5)


def test_one_reply_to_each_is_what_accuracy_always_was() -> None:
    answered = [said("1"), said("2", right=True)]
    assert several_of(answered, 1) == accuracy_of(answered)


def test_replies_to_one_problem_count_for_less_than_as_many_problems() -> None:
    """All right or all wrong: eight problems were asked, not 64."""
    answered = [said(f"{place}", right=place % 2 == 0) for place in range(8) for _ in range(8)]
    several, alone = several_of(answered, 8), accuracy_of(answered)
    assert several["accuracy"] == alone["accuracy"] == 0.5
    assert several["accuracy_high"] - several["accuracy_low"] > 2 * (alone["accuracy_high"] - alone["accuracy_low"])


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts("task=reverse_digits warmup=none")


def test_the_first_of_several_replies_is_the_one_asked_for_alone(parts: Parts) -> None:
    three = ask(parts.engine, parts.task, 4, 0, parts.params, replies=3)
    assert three[::3] == ask(parts.engine, parts.task, 4, 0, parts.params)
    assert [one.problem.key for one in three[:3]] == [three[0].problem.key] * 3
    assert len({one.reply for one in three[:3]}) > 1
