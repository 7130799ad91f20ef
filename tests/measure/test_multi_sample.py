from __future__ import annotations

import pytest
from tests.small_runs import Parts

from straw.measure.accuracy import Answered, accuracy_of, ask
from straw.measure.multi_sample import distinct, several_of
from straw.measure.pass_at_k import mean_pass
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


def test_every_power_of_two_and_all_replies_have_a_pass_and_one_is_called_accuracy() -> None:
    """Two problems with six replies, of which one and three are right."""
    rights = (True, *[False] * 5, *[True] * 3, *[False] * 3)
    found = several_of([said(str(place), right=right) for place, right in enumerate(rights)], 6)
    assert [name for name in found if name.startswith("pass@")] == ["pass@2", "pass@4", "pass@6"]
    assert [found[f"pass@{k}"] for k in (2, 4, 6)] == pytest.approx([mean_pass([1, 3], 6, k)[0] for k in (2, 4, 6)])
    assert (found["accuracy"], found["accuracy_low"], found["accuracy_high"]) == mean_pass([1, 3], 6, 1)


def test_an_answer_is_what_was_read_or_its_value_or_else_the_reply() -> None:
    def read(text: str, answer: int | None, reply: str) -> Answered:
        problem = Problem(key="p", messages=(Message("user", "?"),), reference=("1",))
        grade = Grade(hits=(False,), well_formed=True, text=text, answer=answer)
        return Answered(problem=problem, reply=reply, grade=grade)

    assert distinct([read("5", 1, "a"), read("5", 2, "b")]) == 1
    assert distinct([read("", 5, "a"), read("", 5, "b"), read("", 6, "b")]) == 2
    assert distinct([read("", None, "a"), read("", None, "b"), read("", None, "b")]) == 2
