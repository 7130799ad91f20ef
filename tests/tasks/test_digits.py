from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.tasks.base import Enumerable, HeldOut
from straw.tasks.digits import (
    HELD_OUT,
    STUDY,
    Digits,
    DigitsOptions,
    ReverseDigits,
    ReverseDigitsOptions,
    SumDigits,
    split_of,
    study_values,
)
from straw.types import End

KINDS = [SumDigits, ReverseDigits]
PROMPTS = ["long", "short"]


def test_the_digit_sum_of_the_study() -> None:
    task = SumDigits()
    assert task.right((123, 45, 67)) == 28  # 1+2+3 + 4+5 + 6+7
    assert task.question((123, 45, 67)) == "What is the total digit sum of [123, 45, 67]?"
    assert task.reply((123, 45, 67)) == (
        "123: 1 + 2 + 3 = 6\n45: 4 + 5 = 9\n67: 6 + 7 = 13\n6 + 9 + 13 = 28\n[ANSWER] 28"
    )


@pytest.mark.parametrize(
    ("number", "reversed_"), [(123456, 654321), (1200, 21), (1_000_000, 1), (100_001, 100_001), (5_480_300, 30845)]
)
def test_trailing_zeros_become_leading_ones_and_are_dropped(number: int, reversed_: int) -> None:
    assert ReverseDigits().right((number,)) == reversed_


def test_the_worked_example_of_a_prompt_is_right_and_no_problem() -> None:
    assert "304: 3 + 0 + 4 = 7\n1208: 1 + 2 + 0 + 8 = 11\n7 + 11 = 18\n[ANSWER] 18" in SumDigits().system()
    assert "reversed?\nDigits: 7, 3, 5, 2, 0\nFrom the last to the first: 0, 2, 5, 3, 7\n" in ReverseDigits().system()
    assert ReverseDigits().system().endswith("[ANSWER] 2537")


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_problems_lie_in_their_ranges(seed: Any, index: Any) -> None:
    for problem in (SumDigits(task_seed=seed).problem(index), SumDigits(task_seed=seed).held_out(index)):
        numbers = [int(word) for word in problem.key.split("-")[1:]]
        assert 2 <= len(numbers) <= 4 and all(10 <= number <= 999 for number in numbers)
    (number,) = [int(word) for word in ReverseDigits(task_seed=seed).problem(index).key.split("-")[1:]]
    assert 100_000 <= number <= 9_999_999


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_reference_earns_full_reward_and_has_the_tag(kind: type[Digits], prompt: Any) -> None:
    task = kind(prompt=prompt)
    for index in range(100):
        problem = task.problem(index)
        grade = task.grade(problem, problem.reference, End.ANSWERED)
        assert grade.hits == (True,) and grade.well_formed
        assert grade.answer == problem.facts["answer"]
        assert len(problem.reference[0]) <= task.reply_limit


@pytest.mark.parametrize("kind", KINDS)
def test_no_problem_is_on_both_sides_whatever_the_seeds(kind: type[Digits]) -> None:
    trained = {kind(task_seed=seed).problem(index).key for seed in range(3) for index in range(2000)}
    asked = {kind(task_seed=seed).held_out(index).key for seed in range(3) for index in range(300)}
    assert len(asked) > 800 and not trained & asked


def test_the_same_numbers_in_another_order_are_on_the_same_side() -> None:
    assert split_of((12, 345, 67)) == split_of((67, 12, 345))


def test_a_tenth_is_held_out() -> None:
    held = sum(split_of((number,)) == "held out" for number in range(100_000, 110_000))
    assert held / 10_000 == pytest.approx(HELD_OUT, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_is_a_function_of_seed_and_index(kind: type[Digits]) -> None:
    keys = [kind(task_seed=seed).problem(index).key for seed in range(20) for index in range(20)]
    assert len(set(keys)) > 395
    assert kind(task_seed=3).problem(7) == kind(task_seed=3).problem(7)


def test_a_wrong_number_is_a_miss_and_a_missing_tag_is_told() -> None:
    task = SumDigits()
    problem = task.problem(0)
    answer = problem.facts["answer"]
    wrong = task.grade(problem, [f"[ANSWER] {answer + 1}"], End.ANSWERED)
    untagged = task.grade(problem, [f"so it is {answer}"], End.ANSWERED)
    silent = task.grade(problem, [""], End.OUT_OF_TOKENS)
    assert (wrong.hits, wrong.well_formed, wrong.answer) == ((False,), True, answer + 1)
    assert (untagged.hits, untagged.well_formed) == ((True,), False)
    assert (silent.hits, silent.well_formed, silent.answer) == ((False,), False, None)


def test_a_reply_that_was_cut_behind_its_answer_counts() -> None:
    task = SumDigits()
    problem = task.problem(0)
    assert task.grade(problem, [f"[ANSWER] {problem.facts['answer']} and"], End.OUT_OF_TOKENS).hits == (True,)


def test_the_short_prompt_is_a_few_characters() -> None:
    assert [len(message.content) < 40 for message in SumDigits(prompt="short").problem(0).messages] == [True]
    assert len(ReverseDigits(prompt="short").problem(0).messages[0].content) < 20
    assert [message.role for message in ReverseDigits().problem(0).messages] == ["system", "user"]


def test_digits_can_be_held_out_and_not_listed() -> None:
    assert isinstance(SumDigits(), HeldOut) and not isinstance(SumDigits(), Enumerable)
    assert SumDigits().num_problems is None


def test_the_steps_to_a_reversed_number_are_its_digits_from_both_ends_and_what_is_left() -> None:
    assert ReverseDigits().reply((120300,)) == (
        "Digits: 1, 2, 0, 3, 0, 0\nFrom the last to the first: 0, 0, 3, 0, 2, 1\nWithout zeros in front: 3021\n"
        "[ANSWER] 3021"
    )
    assert ReverseDigits(prompt="short").reply((120300,)) == "[ANSWER] 3021"


def test_a_question_is_asked_at_length_or_in_a_few_words() -> None:
    assert ReverseDigits().question((120300,)) == "What is 120300 reversed?"
    assert ReverseDigits(prompt="short").question((120300,)) == "120300 reversed?"
    assert SumDigits(prompt="short").question((12, 345)) == "12 345 digit sum?"


def test_numbers_are_drawn_from_their_whole_ranges() -> None:
    random = Random(0)
    drawn = [SumDigits().draw(random) for _ in range(4000)]
    assert {len(one) for one in drawn} == {2, 3, 4}
    numbers = {number for one in drawn for number in one}
    assert (min(numbers), max(numbers)) == (10, 999) and len(numbers) > 980
    large = [ReverseDigits().draw(random)[0] for _ in range(4000)]
    assert 100_000 <= min(large) < 110_000 and 9_990_000 < max(large) <= 9_999_999


def test_a_task_is_asked_at_length_where_nobody_chose() -> None:
    for kind, options in ((SumDigits, DigitsOptions), (ReverseDigits, ReverseDigitsOptions)):
        assert kind.from_options(options(kind="a", prompt=None)) == kind(prompt="long", task_seed=0)
        assert kind.from_options(options(kind="a", prompt="short", task_seed=4)) == kind(prompt="short", task_seed=4)


def test_the_study_s_values_hold_as_far_as_they_fit_the_page() -> None:
    def page(eval_replies: int) -> Any:
        return SimpleNamespace(run=SimpleNamespace(eval_replies=eval_replies))

    whole = study_values(page(1), is_short=False)
    assert whole == STUDY and whole is not STUDY
    assert {*whole} - {*study_values(page(2), is_short=False)} == {"eval_temperature"}
    assert {*whole} - {*study_values(page(1), is_short=True)} == {"max_tokens"}
    assert {*whole} - {*study_values(page(3), is_short=True)} == {"eval_temperature", "max_tokens"}
    assert {"eval_temperature", "max_tokens"} < {*STUDY}  # nothing was taken from the study itself
