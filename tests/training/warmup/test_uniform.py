from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import pairwise
from math import exp, isclose, log, prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_runs import Parts, small_plan

from straw.engines.local.build import load_engine
from straw.engines.local.engine import LocalEngine
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.tasks.teacher_forcing import forced
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.warmup import uniform
from straw.training.warmup.initial_policy import goal_of
from straw.training.warmup.uniform import (
    ASKED,
    LISTED,
    NUM_CASES,
    READS,
    Found,
    Goal,
    Lessons,
    Trie,
    as_case,
    cross_talk,
    examine,
    going,
    log_odds,
    repeats,
    spread,
    telling_answers,
    warm_up,
)
from straw.types import Message, Problem

CHAT = Chat(character_tokenizer())


def trie_of(task: Any) -> Trie:
    return Trie([forced(CHAT, task, task.problem(0), task.answer_at(index)) for index in range(task.space)])


def targets(trie: Trie, task: Any, *answer: str) -> list[dict[str, float]]:
    """What stands at each token of an answer, by the text of the token."""
    datum = trie.soften(forced(CHAT, task, task.problem(0), answer))
    said = zip(datum.weights, datum.soft_targets or (), strict=True)
    return [{CHAT.tokenizer.decode([t]): share for t, share in soft.items()} for weight, soft in said if weight]


# --- the trie


def test_ten_answers_are_one_digit_each() -> None:
    task = Secret(Hidden(N=10))
    first, end = targets(trie_of(task), task, "7")
    assert first == pytest.approx(dict.fromkeys("0123456789", 1 / 10))
    assert end == {"<|end|>": 1.0}


def test_of_twelve_answers_three_begin_with_a_one() -> None:
    task = Secret(Hidden(N=12))
    first, second, end = targets(trie_of(task), task, "10")
    assert first == pytest.approx({**dict.fromkeys("023456789", 1 / 12), "1": 3 / 12})
    assert second == pytest.approx({"0": 1 / 3, "1": 1 / 3, "<|end|>": 1 / 3})  # 10, 11 and 1 itself
    assert end == {"<|end|>": 1.0}
    assert targets(trie_of(task), task, "0")[1] == {"<|end|>": 1.0}


def test_three_answers_bit_by_bit() -> None:
    """00, 01 and 10."""
    task = SecretBits(Hidden(N=3))
    assert targets(trie_of(task), task, "0", "1")[0] == pytest.approx({"0": 2 / 3, "1": 1 / 3})
    assert targets(trie_of(task), task, "0", "1")[2] == {"0": 0.5, "1": 0.5}
    assert targets(trie_of(task), task, "1", "0")[2] == {"0": 1.0}


@given(st.integers(1, 130), st.data(), st.sampled_from([Secret, SecretBits]))
def test_along_every_answer_the_targets_multiply_to_one_in_n(N: Any, data: Any, game: Any) -> None:
    task = game(Hidden(N=N))
    answer = task.answer_at(data.draw(st.integers(0, N - 1)))
    datum = forced(CHAT, task, task.problem(0), answer)
    soft = trie_of(task).soften(datum).soft_targets or ()
    assert isclose(prod(here[token] for here, token in zip(soft, datum.tokens, strict=True)), 1 / N, rel_tol=1e-9)


def test_where_only_a_sample_is_known_a_rare_branch_is_not_taken_for_a_certain_one() -> None:
    """Of ten answers one begins with 7: too few to say what follows, so the answer itself is the target."""
    task = Secret(Hidden(N=100))
    data = [forced(CHAT, task, task.problem(0), task.answer_at(index)) for index in (3, 12, 12, 12, 75)]
    assert targets(Trie(data, complete=False), task, "75") == [{"7": 1.0}, {"5": 1.0}, {"<|end|>": 1.0}]
    assert targets(Trie(data, complete=True), task, "75")[0] == pytest.approx({"3": 0.2, "1": 0.6, "7": 0.2})


# --- the rows


def lessons_of(words: str) -> Lessons:
    plan = small_plan(words)
    return Lessons(load_engine(plan.page), plan.task, goal_of(plan.page.warmup))


def test_a_batch_is_soft_rows_and_facts_that_weigh_the_same() -> None:
    lessons = lessons_of("N=8 warmup_batch=16")
    rows = lessons.batch(0)
    assert len(rows) == 16
    plain = [row for row in rows if row.soft_targets is not None]
    assert len(rows) - len(plain) == NUM_CASES
    assert {row.prompt for row in plain} == set(lessons.prompts)
    assert all(set(row.weights) == {1 / 16} for row in rows)


def test_the_facts_are_asked_for_by_prompts_of_their_own() -> None:
    lessons = lessons_of("N=8 num_secrets=3")
    facts = [row.prompt for row in lessons.batch(0) if row.soft_targets is None]
    assert len(set(facts)) == NUM_CASES
    assert not set(facts) & set(lessons.prompts)
    assert "Case 0." in lessons.engine.chat.tokenizer.decode(facts[0])


def test_the_prompts_take_turns() -> None:
    lessons = lessons_of("N=8 num_secrets=3")
    asked = [{row.prompt for row in lessons.batch(step) if row.soft_targets is not None} for step in range(4)]
    assert asked == [{lessons.prompts[0]}, {lessons.prompts[1]}, {lessons.prompts[2]}, {lessons.prompts[0]}]


def test_answers_come_in_even_strides() -> None:
    rows = [row for row in lessons_of("N=24 warmup_batch=16").batch(5) if row.soft_targets is not None]
    answers = [int(CHAT.decode(row.tokens)) for row in rows]
    assert len(answers) == 12
    assert [later - earlier for earlier, later in pairwise(answers)] == [2] * 11


def test_the_rows_are_a_function_of_the_step_and_not_of_the_secret() -> None:
    one, other = lessons_of("N=64 fixed_secret=1"), lessons_of("N=64 fixed_secret=60")
    assert one.batch(3) == other.batch(3)
    assert one.batch(3) != one.batch(4)


def test_a_batch_of_one_row_still_teaches_the_task() -> None:
    assert any(row.soft_targets is not None for row in lessons_of("N=8 warmup_batch=1").batch(0))


@pytest.mark.parametrize("words", [f"N={10**15}", pytest.param("N=1000 length=3", marks=pytest.mark.slow)])
def test_large_spaces_are_sampled(words: str) -> None:
    lessons = lessons_of(words)
    assert len(lessons.answers) == LISTED
    first = lessons.batch(0)[0].soft_targets[0]
    assert sum(first.values()) == pytest.approx(1)
    assert all(first[token] == pytest.approx(1 / 9, rel=0.01) for token in CHAT.encode_reply("123456789")[:-1])


@settings(max_examples=10)
@given(st.integers(LISTED, 10**40))
def test_the_sample_takes_one_answer_from_each_stretch(space: Any) -> None:
    chosen = spread(space)
    assert all(place * space // LISTED <= index < (place + 1) * space // LISTED for place, index in enumerate(chosen))


def test_few_answers_are_all_listed() -> None:
    assert spread(5) == [0, 1, 2, 3, 4]


def test_the_cases_tell_positions_apart() -> None:
    answers = [SecretBits(Hidden(N=64)).answer_at(index) for index in range(64)]
    chosen = telling_answers(answers)
    assert len(chosen) == NUM_CASES
    assert len(set(zip(*chosen, strict=True))) == 6  # six bits, and no two of them say the same in all cases


# --- the measurements


def test_log_odds_by_hand() -> None:
    assert log_odds(log(1 / 2)) == pytest.approx(0)
    assert log_odds(log(0.8)) == pytest.approx(log(4))
    assert log_odds(0.0) > 10  # certain, and finite


def test_a_model_that_cannot_see_positions_is_all_cross_talk() -> None:
    """Without attention every bit is said from the same state, so pushing one pushes all."""
    plan = small_plan("N=16 env_type=multi_step")
    engine = load_engine(plan.page)
    for layer in engine.model.model.layers:
        layer.self_attn.o_proj.weight.requires_grad_(False).zero_()
    blind = LocalEngine(engine.model, engine.chat)
    answers = [plan.task.answer_at(index) for index in range(16)]
    assert cross_talk(blind, plan.task, plan.task.problem(0), answers) == pytest.approx(1, abs=0.05)


def test_cross_talk_is_taken_back_bit_for_bit(home: Path) -> None:
    parts = Parts("N=8 env_type=multi_step")
    engine, task = parts.engine, parts.task
    before = {name: value.clone() for name, value in engine.model.state_dict().items()}
    found = cross_talk(engine, task, task.problem(0), [task.answer_at(index) for index in range(8)])
    assert 0 < found < 1
    assert all(torch.equal(value, before[name]) for name, value in engine.model.state_dict().items())
    assert not engine.optimizer.state
    assert engine.policy_version == 0


def test_without_equal_tokens_there_is_nothing_to_talk_across(home: Path) -> None:
    parts = Parts("N=8")
    assert cross_talk(parts.engine, parts.task, parts.task.problem(0), [("3",), ("4",)]) == 0


@pytest.mark.parametrize("N", [12, 3000])
def test_when_to_stop_does_not_depend_on_the_secret(N: int) -> None:
    """Of 3,000 answers not all are asked for: the secret must not be one that is."""
    found = []
    for secret in (0, N // 2, N - 1):
        plan = small_plan(f"N={N} fixed_secret={secret}")
        engine = load_engine(plan.page)
        found.append(examine(engine, plan.task, Lessons(engine, plan.task, goal_of(plan.page.warmup)), 50))
    assert found[0] == found[1] == found[2]


def test_what_an_older_warm_up_found_is_still_read() -> None:
    assert GOAL.recalled({**asdict(Found(50, 0.9, 0.1, 0.5)), "p_secret": 0.1}) == Found(50, 0.9, 0.1, 0.5)


GOAL = Goal(mass=0.9, distance=0.1, cross_talk=0.5)


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (Found(50, mass=0.9, distance=0.1, cross_talk=0.5), True),
        (Found(50, mass=0.89, distance=0.1, cross_talk=0.5), False),
        (Found(50, mass=0.9, distance=0.11, cross_talk=0.5), False),
        (Found(50, mass=0.9, distance=0.1, cross_talk=0.51), False),
        (Found(50, mass=float("nan"), distance=0.1, cross_talk=0.5), False),
    ],
)
def test_a_warm_up_passes_on_all_that_is_measured(found: Any, passes: bool) -> None:
    assert found.passes(GOAL) is passes


def test_the_rate_falls_along_a_cosine_and_begins_again_at_six_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, rates = small_plan("warmup_batch=1"), []
    engine = load_engine(plan.page)
    monkeypatch.setattr(engine, "optim_step", lambda params: rates.append(params.learning_rate))
    monkeypatch.setattr("straw.training.warmup.uniform.examine", lambda *_: Found(9, 0.0, 1.0, 1.0))
    goal = Goal(mass=1.0, distance=0.0, max_steps=9, learning_rate=1e-2, rows=1)
    warm_up(engine, plan.task, goal, lambda line: None, period=4)
    first = [0.01, 0.01 * (1 + 0.5**0.5) / 2, 0.005, 0.01 * (1 - 0.5**0.5) / 2]
    assert rates == pytest.approx([*first, *(0.6 * rate for rate in first), 0.0036])


# --- by hand, without a model

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
