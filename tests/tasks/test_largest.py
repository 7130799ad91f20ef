from __future__ import annotations

from random import Random

import pytest

from straw.config import load_page
from straw.errors import ConfigError
from straw.tasks.largest import Largest, LargestOptions, split_of
from straw.training.resolve.page_to_plan import plan_of
from straw.types import End, Grade


def judged(task: Largest, numbers: tuple[int, ...], reply: str) -> Grade:
    return task.grade(task.asked(numbers), [reply], End.ANSWERED)


@pytest.mark.parametrize(
    ("reply", "right", "in_form"),
    [
        ("The largest is 80.", True, True),
        ("80", True, True),
        ("The largest number is 80, which", True, True),
        ("The largest is 47.", False, True),
        ("The largest is 81.", False, False),
        ("47, 80, 42", False, True),  # a list is no answer: its last number counts
        ("To find the largest number possible, we'll", False, False),
        ("", False, False),
    ],
)
def test_the_number_said_is_right_or_of_the_list_or_neither(reply: str, right: bool, in_form: bool) -> None:
    found = judged(Largest(), (47, 80, 42), reply)
    assert found.hits == (right,) and found.well_formed == in_form


@pytest.mark.parametrize("wording", ["largest", "biggest", "short"])
@pytest.mark.parametrize(("numbers", "digits"), [(3, 2), (5, 2), (2, 3), (4, 1), (20, 1)])
def test_a_reference_is_right_and_lists_are_as_they_were_asked_for(wording: str, numbers: int, digits: int) -> None:
    task = Largest(numbers=numbers, digits=digits, wording=wording)
    for index in range(20):
        problem = task.problem(index)
        grade = task.grade(problem, problem.reference, End.ANSWERED)
        assert grade.hits == (True,) and grade.well_formed
        listed = problem.facts["numbers"]
        assert isinstance(listed, list) and len(set(listed)) == len(listed) == min(numbers, 10)
        assert all(len(str(one)) == digits and str(one) in problem.messages[0].content for one in listed)
        assert len(problem.reference[0]) <= task.reply_limit


def test_the_largest_stands_anywhere() -> None:
    facts = [Largest().problem(index).facts for index in range(300)]
    positions = [one["numbers"].index(one["answer"]) for one in facts]  # type: ignore[attr-defined]
    assert all(70 < positions.count(place) < 130 for place in range(3))


def test_a_list_is_on_one_side_in_whatever_order() -> None:
    task = Largest()
    assert {split_of(tuple(task.problem(index).facts["numbers"])) for index in range(200)} == {"train"}  # type: ignore[arg-type]
    assert {split_of(tuple(task.held_out(index).facts["numbers"])) for index in range(50)} == {"held out"}  # type: ignore[arg-type]
    drawn = [task.draw(Random(seed)) for seed in range(500)]
    assert all(split_of(one) == split_of(one[::-1]) for one in drawn)
    assert 0.06 < sum(split_of(one) == "held out" for one in drawn) / 500 < 0.14


def test_a_model_from_nothing_is_asked_in_a_few_characters() -> None:
    plan = plan_of(load_page(None, {"kind": "largest"}))
    assert plan.task.problem(0).messages[0].content == "97, 50, 59 largest?"
    assert (plan.page.algorithm.algorithm, plan.page.algorithm.group_size) == ("grpo", 8)


def test_numbers_have_at_most_six_digits_and_lists_at_most_twenty_numbers() -> None:
    load_page(None, {"kind": "largest", "digits": 6, "numbers": 20})
    for name, value in (("digits", 7), ("numbers", 21), ("digits", 0), ("numbers", 1)):
        with pytest.raises(ConfigError, match=name):
            load_page(None, {"kind": "largest", name: value})


def test_a_list_is_asked_for_in_three_wordings_and_answered_in_the_same() -> None:
    asked = {wording: Largest(wording=wording).asked((47, 80, 42)) for wording in ("largest", "biggest", "short")}
    assert {wording: (one.messages[0].content, one.reference[0]) for wording, one in asked.items()} == {
        "largest": ("Which of these numbers is the largest: 47, 80, 42?", "The largest is 80."),
        "biggest": ("Find the biggest number among 47, 80, 42.", "The largest is 80."),
        "short": ("47, 80, 42 largest?", "80"),
    }
    assert asked["short"].key == "largest-47-80-42" and asked["short"].facts == {"numbers": [47, 80, 42], "answer": 80}


def test_numbers_are_drawn_from_all_that_have_so_many_digits() -> None:
    random = Random(0)
    for digits, whole in ((1, range(10)), (2, range(10, 100))):
        task = Largest(numbers=5, digits=digits)
        assert {number for _ in range(300) for number in task.draw(random)} == {*whole}
    assert sorted(Largest(numbers=20, digits=1).draw(random)) == [*range(10)]
    assert len(Largest(numbers=20).draw(random)) == 20 and len(Largest(numbers=2).draw(random)) == 2


def test_a_reply_has_room_for_the_largest_number() -> None:
    assert [Largest(digits=digits, wording="short").reply_limit for digits in (1, 2, 6)] == [1, 2, 6]
    assert Largest(digits=3).reply_limit == len("The largest is 999.")


def test_options_reach_the_task() -> None:
    assert Largest.from_options(LargestOptions(kind="largest")) == Largest()
    assert Largest.from_options(
        LargestOptions(kind="largest", numbers=4, digits=3, wording="biggest", task_seed=5)
    ) == Largest(numbers=4, digits=3, wording="biggest", task_seed=5)
