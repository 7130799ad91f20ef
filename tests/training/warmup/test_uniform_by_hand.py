"""The uniform warm-up by hand, without a model."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from math import exp, log
from types import SimpleNamespace
from typing import Any

import pytest
from tests.training.warmup.test_uniform import CHAT, GOAL

from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.training.warmup import uniform
from straw.training.warmup.uniform import (
    ASKED,
    NUM_CASES,
    READS,
    Found,
    Goal,
    Lessons,
    as_case,
    cross_talk,
    examine,
    going,
    log_odds,
    repeats,
    spread,
    warm_up,
)
from straw.types import Message, Problem

SPEAKING: Any = SimpleNamespace(chat=CHAT)  # all that the rows need of an engine


def test_what_a_recipe_teaches_stays_the_same_since_policies_are_kept_by_its_number() -> None:
    """Three soft rows in even strides of 100, then four facts; the prompt's own row is the one of case 0 to 3."""
    lessons = Lessons(SPEAKING, Secret(Hidden(N=300)), replace(GOAL, rows=7))
    said = [[CHAT.decode(row.tokens) for row in lessons.batch(step)] for step in (0, 1, 5)]
    facts = ["143", "285", "295", "238"]
    assert said == [["14", "114", "214", *facts], ["37", "137", "237", *facts], ["65", "165", "265", *facts]]
    assert [spread(10**6)[place] for place in (0, 1, 2, -1)] == [34, 109, 168, 999983]


def test_a_batch_has_one_row_of_the_task_where_the_facts_leave_no_more() -> None:
    for rows, plain in ((1, 1), (5, 1), (6, 2)):
        batch = Lessons(SPEAKING, Secret(Hidden(N=8)), replace(GOAL, rows=rows)).batch(0)
        assert [row.soft_targets is not None for row in batch] == [True] * plain + [False] * NUM_CASES
        assert {weight for row in batch for weight in row.weights} == {1 / (plain + NUM_CASES)}


def test_a_case_is_the_same_question_by_the_same_speaker_with_a_number_behind_it() -> None:
    problem = Problem(key="a", messages=(Message("system", "Play."), Message("user", "Which?")), reference=("1",))
    assert as_case(problem, 3).messages == (Message("system", "Play."), Message("user", "Which? Case 3."))


def test_what_a_goal_asks_for_where_nobody_says() -> None:
    goal = Goal(mass=0.5, distance=0.25)
    assert (goal.cross_talk, goal.max_steps, goal.learning_rate, goal.rows) == (0.9, 1000, 3e-3, 16)
    assert goal.reading is None and "reading" not in repr(goal)  # which names a kept policy
    assert Found(1, 1.0, 0.0, 0.0).reading == 1.0


def test_a_kept_policy_is_named_by_its_prompts_answers_and_recipe_and_not_by_how_good_it_has_to_be() -> None:
    small, large = Secret(Hidden(N=ASKED)), Secret(Hidden(N=ASKED + 1))
    made = GOAL.made_of(CHAT, small)
    assert made == replace(GOAL, mass=0.1, distance=0.2, cross_talk=0.3).made_of(CHAT, small)
    assert made != replace(GOAL, max_steps=9).made_of(CHAT, small)
    ends = [[CHAT.encode_reply(text)] for text in ("0", "1023")]
    opening = CHAT.opening(small.problem(0).messages)
    assert made[:-1] == (1, [opening], ends, 1024)
    assert ASKED == 1024 and large.space == 1025 and GOAL.made_of(CHAT, large)[0] == 2
    reading: Any = SimpleNamespace(channel=SimpleNamespace(name="words"))
    assert replace(GOAL, reading=reading).made_of(CHAT, small)[-2:] == ("reading", "words")
    several = Secret(Hidden(N=4, num_secrets=3))
    assert GOAL.made_of(CHAT, several)[1] == [CHAT.opening(several.problem(key).messages) for key in range(3)]


def test_a_warm_up_that_failed_says_what_was_asked_and_what_was_found() -> None:
    assert GOAL.complaint(Found(50, 0.5, 0.25, 0.75)) == (
        "a warm-up has to reach valid mass 0.9, distance 0.1 and cross-talk 0.5; got warm-up 50 steps: valid mass "
        "0.5000, distance from uniform 0.2500, cross-talk 0.75. Allow more with warmup_distance or warmup_steps, or "
        "write warmup=none."
    )
    assert Found(50, 0.5, 0.25, 0.75, reading=0.5).line().endswith("cross-talk 0.75, reading 0.50")


@pytest.mark.parametrize(("text", "count"), [("7", 0), ("00", 1), ("0010", 2), ("121", 1), ("100", 0)])
def test_an_answer_repeats_itself_as_often_as_its_first_sign_comes_again(text: str, count: int) -> None:
    assert repeats(text) == count


def test_log_odds_of_what_is_certain_are_those_of_one_in_ten_millions() -> None:
    assert log_odds(0.0) == -log(1e-7)


class Pushed:
    """An engine whose tokens have these log-probabilities before a push and behind it."""

    def __init__(self, before: list[float], after: list[float]) -> None:
        self.chat, self.rows, self.told = CHAT, [before, after], list[Any]()

    def logprobs(self, data: Any) -> list[list[float]]:
        return [self.rows.pop(0)]

    def forward_backward(self, data: Any, loss: Any) -> None:
        self.told += [data, loss.name]

    def optim_step(self, params: Any) -> None:
        self.told.append(params)

    def undone(self) -> Any:
        return nullcontext()


def pushed(before: list[float], after: list[float]) -> tuple[float, list[Any]]:
    """The cross-talk of 0 1 0 0, the answer of three that repeats itself most."""
    engine: Any = Pushed(before, after)
    task = Secret(Hidden(N=10))
    found = cross_talk(engine, task, task.problem(0), [("12",), ("0100",), ("001",)])
    return found, engine.told


def odds(*log_odds_of: float) -> list[float]:
    """Log-probabilities with these log-odds; five tokens, the end among them."""
    return [one - log(1 + exp(one)) for one in log_odds_of]


def test_cross_talk_is_what_equal_tokens_moved_on_average_as_a_share_of_the_push() -> None:
    """The first 0 moved by 2, those behind it by 1 and -0.5; what another token did is nobody's business."""
    found, (data, loss, params) = pushed(odds(0, 0, 0, 0, 0), odds(2, 9, 1, -0.5, 9))
    assert found == pytest.approx((1 + 0.5) / 2 / 2)
    assert (data[0].weights, loss) == ((1.0, 0.0, 0.0, 0.0, 0.0), "cross_entropy")
    assert (params.learning_rate, params.grad_clip) == (1e-4, 0.0)


def test_cross_talk_counts_from_what_was_there_before_and_a_push_that_fails_is_no_division_by_zero() -> None:
    assert pushed(odds(-1, 0, 1, 2, 0), odds(-2, 0, 2, 2, 0))[0] == pytest.approx(0.5)
    assert pushed(odds(0, 0, 0, 0, 0), odds(0, 0, 1, 1, 0))[0] == pytest.approx(1e12)


class Schooled(Pushed):
    """An engine that is warmed up: only its rates are of interest."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.published = 0

    def forward_backward(self, data: Any, loss: Any) -> Any:
        return SimpleNamespace(metrics={"loss": 0.5})

    def publish(self) -> None:
        self.published += 1


def warmed(monkeypatch: pytest.MonkeyPatch, goal: Goal, *found: Found) -> tuple[Found, Any, list[int]]:
    """What a warm-up ends with that measures these, the last again and again; the steps at which it looked."""
    engine, steps = Schooled(), list[int]()

    def looked(_: Any, task: Any, lessons: Any, step: int) -> Found:
        steps.append(step)
        return found[min(len(steps), len(found)) - 1]

    monkeypatch.setattr(uniform, "examine", looked)
    monkeypatch.setattr(uniform, "Lessons", lambda *_: SimpleNamespace(batch=lambda step: []))
    task: Any = None
    return warm_up(engine, task, goal, lambda line: None), engine, steps  # type: ignore[arg-type]


LONG = Goal(mass=0.9, distance=0.1, cross_talk=0.5, max_steps=301, learning_rate=1e-2)
POOR, GOOD = Found(1, 0.5, 0.5, 0.5), Found(2, 0.9, 0.1, 0.5)


def test_a_warm_up_looks_every_fifty_steps_and_at_its_end_and_begins_again_after_three_hundred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, engine, steps = warmed(monkeypatch, LONG, POOR)
    assert found is POOR and steps == [50, 100, 150, 200, 250, 300, 301] and engine.published == 7
    rates = [params.learning_rate for params in engine.told]
    assert rates[0] == 1e-2 and rates[150] == pytest.approx(5e-3) and rates[300] == pytest.approx(6e-3)
    assert rates[299] == 1e-4  # no rate is below a hundredth of the full one


def test_a_warm_up_is_over_where_all_is_reached_and_a_reader_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warmed(monkeypatch, LONG, POOR, GOOD)[2] == [50, 100]
    blind, reads = replace(GOOD, reading=READS - 1e-9), replace(GOOD, reading=READS)
    assert warmed(monkeypatch, LONG, blind, replace(POOR, reading=1.0), reads)[2] == [50, 100, 150]
    assert READS == 0.95


def test_a_warm_up_of_no_steps_has_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warmed(monkeypatch, replace(LONG, max_steps=0), GOOD)[0] == Found(0, 0.0, 1.0, 1.0)


def test_a_line_on_the_way_says_the_step_from_one_on() -> None:
    assert going(4, 0.25, 50) == "warming up, step 5, loss 0.25; measured after every 50 steps"


def test_a_measurement_is_the_worst_of_the_first_four_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"secret-0": (0.9, 0.1), "secret-1": (0.8, 0.1), "secret-2": (0.9, 0.3), "secret-3": (0.9, 0.2)}
    asked: list[int] = []

    def answered(engine: Any, task: Any, problem: Problem, *, max_answers: int) -> tuple[float, float]:
        asked.append(max_answers)
        return found[problem.key]

    monkeypatch.setattr(uniform, "answers_at_large", answered)
    monkeypatch.setattr(uniform, "cross_talk", lambda engine, task, problem, answers: (problem.key, len(answers)))
    task = Secret(Hidden(N=8, num_secrets=6))
    done = examine(SPEAKING, task, Lessons(SPEAKING, task, GOAL), 50)
    assert done == Found(50, 0.8, 0.3, ("secret-0", 8))  # type: ignore[arg-type]
    assert asked == [1024] * 4
