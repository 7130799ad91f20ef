"""The learner that knows its reward, by hand: what it believes of several secrets and how answers are spelled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.small_runs import small_plan

from straw.errors import ConfigError
from straw.tasks.teacher_forcing import forced
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.learners.reward_aware import RewardAware, known_observer
from straw.types import End, Rollout

CHAT = Chat(character_tokenizer())


def student_of(words: str) -> tuple[RewardAware, Any]:
    plan, engine, params = small_plan(words), SimpleNamespace(chat=CHAT), None
    return RewardAware(plan, engine, params), plan.task  # type: ignore[arg-type]


def test_every_secret_has_a_belief_of_its_own_about_all_answers() -> None:
    student, task = student_of("algorithm=reward_aware N=4 num_secrets=3")
    beliefs = student.beliefs()
    assert [belief.shares.tolist() for belief in beliefs] == [[0.25] * 4] * 3
    for number, belief in enumerate(beliefs):
        problem = task.problem(number)
        assert belief.data == [forced(CHAT, task, problem, task.answer_at(index)) for index in range(4)]
    assert student.facts == {"reward_aware": 1.0}


def test_answers_are_spelled_once_for_each_prompt() -> None:
    student, task = student_of("algorithm=reward_aware N=4 num_secrets=2")
    first = student.spelled(task.problem(0))
    assert student.spelled(task.problem(0)) is first and student.spelled(task.problem(1)) is not first
    assert sorted(student.answers) == ["secret-0", "secret-1"]


def test_what_is_heard_of_one_secret_says_nothing_of_another_and_goes_through_a_checkpoint() -> None:
    words = "algorithm=reward_aware N=4 num_secrets=2 reward_type=binary"
    student, task = student_of(words)
    problem = task.problem(1)
    wrong = (task.target_index(problem) + 1) % 4
    told = Rollout(
        problem=problem, turns=(), replies=(str(wrong),), end=End.ANSWERED,
        grade=task.grade(problem, (str(wrong),), End.ANSWERED), rewards={"binary": 0.0},
    )  # fmt: skip
    student.observe([[told], [told]], 1)
    again, _ = student_of(words)
    again.load_state_dict(student.state_dict())
    for one in (student, again):
        first, second = one.beliefs()
        assert first.shares.tolist() == [0.25] * 4
        np.testing.assert_allclose(second.shares, [0.0 if index == wrong else 1 / 3 for index in range(4)])


def test_who_cannot_list_what_answers_would_be_paid_is_refused_with_the_names_of_both() -> None:
    plan = small_plan("kind=sum_digits n_batches=1")
    with pytest.raises(ConfigError, match=r"and sum_digits paid by plus_minus has none that it could list\. Choose"):
        known_observer(plan.task, plan.channel)
