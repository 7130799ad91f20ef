from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from math import isclose, log, prod
from pathlib import Path
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
from straw.training.warmup.initial_policy import goal_of
from straw.training.warmup.uniform import (
    LISTED,
    NUM_CASES,
    Found,
    Goal,
    Lessons,
    Trie,
    cross_talk,
    examine,
    log_odds,
    spread,
    telling_answers,
    warm_up,
)

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
