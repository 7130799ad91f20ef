from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.monarch_here import needs_monarch
from tests.small_runs import Listener, small_page, train
from tests.torture import COMMON, Tally, differing, torture, work

from straw.algorithms.named import Credit
from straw.config import Memory
from straw.errors import ConfigError, RunError
from straw.rewards.intrinsic import Intrinsic
from straw.runs.reading import read_checkpoints, read_metrics, read_rollouts
from straw.training.assemble import plan_of
from straw.training.intrinsic import MEMORY, IntrinsicPay, embedded_part, hash_of, judge_of, rules_of
from straw.training.session import resume_run, run_page
from straw.training.step import credited, with_bonuses
from straw.types import End, Grade, Message, Problem, Rollout, Turn

KNN = "use_ir=knn+ encoder=policy explore_warmup=1"


class Letters:
    """An encoder that anybody can follow: a text is its first letter's axis."""

    width = 26

    def __init__(self) -> None:
        self.num_encoded = 0
        self.calls: list[list[str]] = []

    def encode(self, texts: Any) -> torch.Tensor:
        self.calls.append(list(texts))
        self.num_encoded += len(texts)
        return torch.stack([torch.eye(26)[ord((text or "a")[0].lower()) % 26] for text in texts])


def attempt(text: str, *, is_right: bool = False, question: str = "q?", logprob: float = -1.0) -> Rollout:
    return Rollout(
        problem=Problem(key=question, messages=(Message("user", question),), reference=("0",)),
        turns=(Turn(prompt=(1,), reply=(2, 3), logprobs=(logprob, logprob), policy_version=0),),
        replies=(text,), end=End.ANSWERED, grade=Grade(hits=(is_right,), well_formed=True),
        rewards={"binary": float(is_right)},
    )  # fmt: skip


def paying(**options: Any) -> IntrinsicPay:
    page = replace(plan_of(small_page("use_ir=no")).page, memory=Memory(explore_warmup=0, **options))
    encoder = Letters() if page.memory.needs_encoder else None
    judge = judge_of(page, Letters.width)
    return IntrinsicPay(page.memory, Intrinsic(judge, rules_of(page.memory)), encoder)


def advantages(groups: list[list[Rollout]]) -> list[float]:
    (group,) = with_bonuses(credited(groups, Credit(baseline="group")))
    return [one.advantages[0] for one in group]


# --- where novelty enters

FAILED_BEFORE, NEW = "apple", ("bear", "cat", "dog")


def after_a_failure(novelty: str) -> list[float]:
    """Four wrong replies, one of which failed before: what each of them is credited with."""
    pay = paying(use_ir="knn+", novelty=novelty)
    pay.paid([[attempt(FAILED_BEFORE)]], 1)
    return advantages(pay.paid([[attempt(text) for text in (FAILED_BEFORE, *NEW)]], 2))


def test_inside_the_group_a_repeated_failure_pays_for_other_wrong_replies():
    assert after_a_failure("inside") == pytest.approx([-0.75, 0.25, 0.25, 0.25], abs=1e-6)


def test_outside_no_wrong_reply_gains_by_being_new_and_none_pays_for_it():
    assert after_a_failure("outside") == [0, 0, 0, 0]


def test_outside_a_right_reply_that_is_unlike_what_failed_earns_more():
    pay = paying(use_ir="knn+", exploit_weight=0.0)
    pay.paid([[attempt(FAILED_BEFORE)]], 1)
    told = [attempt(FAILED_BEFORE), attempt("bear"), attempt("cat", is_right=True), attempt("cat", is_right=True)]
    assert advantages(pay.paid([told], 2)) == pytest.approx([-0.5, -0.5, 1.5, 1.5])


def test_inside_and_out_agree_that_a_group_of_new_failures_teaches_nothing():
    for novelty in ("inside", "outside"):
        pay = paying(use_ir="knn+", novelty=novelty, constant_window=1.0)
        pay.paid([[attempt(FAILED_BEFORE)]], 1)
        assert advantages(pay.paid([[attempt(text) for text in NEW]], 2)) == [0, 0, 0]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=2, max_size=8))
def test_outside_novelty_leaves_wrong_replies_alone_and_never_blames_a_right_one(told):
    for use_ir in ("knn+", "surprise", "entropy", "elliptical"):
        pay = paying(use_ir=use_ir, encoder="minilm", exploit_weight=0.0)
        group = [attempt(text, is_right=is_right, logprob=-float(ord(text))) for text, is_right in told]
        pay.paid([group], 1)
        for one in pay.paid([group], 2)[0]:
            bonus = sum(one.bonuses.values())
            assert bonus >= 0 if one.grade.hits[0] else bonus == 0


def test_inside_it_is_one_more_reward_with_its_weight_and_outside_none():
    inside, outside = (paying(use_ir="knn+", novelty=where, explore_weight=0.5) for where in ("inside", "outside"))
    told = [[attempt("apple"), attempt("bear", is_right=True)]]
    for pay in (inside, outside):
        pay.paid(told, 1)
    new = [[attempt("cat"), attempt("apple"), attempt("dog", is_right=True)]]
    assert [one.rewards["explore"] for one in inside.paid(new, 2)[0]] == pytest.approx([0.5, 0, 0.5], abs=1e-6)
    found = outside.paid(new, 2)[0]
    assert [sorted(one.rewards) for one in found] == [["binary", "exploit"]] * 3
    assert [dict(one.bonuses) for one in found] == [{}, {}, {"explore": pytest.approx(0.5)}]
    assert outside.metrics()["rewards/explore/mean"].mean == pytest.approx(2 / 3)


def test_where_turns_are_paid_one_by_one_each_gets_what_the_attempt_earned():
    pay = paying(use_ir="surprise", novelty="inside")
    turns = [replace(attempt("a", logprob=lp), turn_rewards=(1.0, 0.0)) for lp in (-1.0, -2.0)]
    assert [one.turn_rewards for one in pay.paid([turns], 1)[0]] == [(1.0, 0.0), pytest.approx((2.0, 1.0))]


# --- what is embedded


def test_a_step_is_one_call_for_its_distinct_texts_and_a_known_question_costs_nothing():
    pay = paying(use_ir="knn+")
    group = [attempt("apple"), attempt("bear"), attempt("apple", is_right=True)]
    pay.paid([group, [attempt("bear", question="other?")]], 1)
    pay.paid([group], 2)
    assert isinstance(pay.encoder, Letters)
    assert pay.encoder.calls == [["q?", "other?", "apple", "bear"], ["apple", "bear"]]
    assert pay.metrics()["memory/encoded"].mean == 2


def test_every_reply_is_filed_under_its_own_question():
    pay = paying(use_ir="knn+", k=1, novelty="inside")
    pay.paid([[attempt("apple")], [attempt("bear", question="other?")]], 1)
    first, second = pay.paid([[attempt("bear"), attempt("apple")], [attempt("bear", question="other?")]], 2)
    assert [one.rewards["explore"] for one in (*first, *second)] == pytest.approx([1, 0, 0])


def test_what_stands_in_the_reasoning_tag_is_embedded_or_all():
    reply = "<reasoning>\n2+2\nis 4\n</reasoning><answer>4</answer>"
    assert embedded_part(reply, "reasoning") == "2+2\nis 4"
    assert embedded_part(reply, "response") == reply
    assert embedded_part("no tag", "reasoning") == "no tag"


def test_a_sentence_memory_compares_sentence_by_sentence():
    pay = paying(use_ir="knn+", memory_unit="sentence", novelty="inside")
    pay.paid([[attempt("apple. Bear.")]], 1)
    found = pay.paid([[attempt("apple. Cat."), attempt("apple."), attempt("dog.")]], 2)[0]
    assert [one.rewards["explore"] for one in found] == pytest.approx([0.5, 0, 1], abs=1e-6)


# --- in a run


def test_an_empty_memory_shows_in_the_metrics_and_rewards_are_logged(home, tmp_path):
    train(tmp_path / "run", f"n_batches=4 {KNN} novelty=inside eval_every=9")
    rows = list(read_metrics(tmp_path / "run"))[1:]
    assert rows[0]["memory/empty"] == 1 and rows[0]["rewards/exploit/mean"] == 0
    assert all(
        {"memory/keys", "memory/values", "rewards/explore/mean", "diversity/answers"} <= row.keys() for row in rows
    )
    assert [row["memory/values"] for row in rows] == [4, 8, 12, 16]


def test_bonuses_stand_in_the_record_of_an_attempt(home, tmp_path):
    train(tmp_path / "run", f"n_batches=6 {KNN} N=2 eval_every=9")
    told = [row for row in read_rollouts(tmp_path / "run") if "bonuses" in row]
    assert told and all(all(row["grade"]["hits"]) for row in told)


def test_runs_with_a_memory_that_are_killed_go_on_as_if_they_had_not_been(home, tmp_path):
    tally, chance = Tally(), random.Random(5)
    words = f"{COMMON} {KNN} memory_keys=2 memory_values=3 num_secrets=3 batch_size=2"
    while tally.kills < 1 and tally.runs < 4:
        torture(words, tmp_path, 1, chance, tally)
    assert (tally.different, tally.unreadable) == ([], [])
    assert tally.kills


class Dying(Listener):
    def update(self, step: int, row: dict[str, float]) -> None:
        if step == 7:
            raise ZeroDivisionError


@pytest.mark.parametrize(
    ("words", "forgets"),
    [
        (KNN, False),
        (KNN, True),
        ("use_ir=elliptical explore_warmup=0", False),
        ("use_ir=entropy explore_warmup=0", False),
    ],
)
def test_a_run_goes_on_bit_by_bit_with_its_memory_and_only_with_it(home, tmp_path, monkeypatch, words, forgets):
    words = f"{COMMON} {words}"
    assert work(words, tmp_path / "alone")
    if forgets:
        monkeypatch.setattr(IntrinsicPay, "load", lambda pay, folder: None)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", words), Dying())
    resume_run(tmp_path / "run", Listener())
    assert bool(differing(tmp_path / "alone", tmp_path / "run")) == forgets


def test_a_checkpoint_without_its_memory_is_refused(home, tmp_path):
    pay = paying(use_ir="knn+")
    with pytest.raises(RunError, match=r"use_ir=knn\+ holds memory.safetensors"):
        pay.load(tmp_path)


def test_a_run_without_intrinsic_reward_keeps_no_memory(home, tmp_path):
    train(tmp_path / "run", "n_batches=2")
    (kept,) = read_checkpoints(tmp_path / "run")
    assert not (tmp_path / "run" / kept["folder"] / MEMORY).exists()


@needs_monarch
@pytest.mark.slow
@pytest.mark.parametrize("lag", [0, 1])
def test_a_memory_works_with_generators_that_run_ahead(home, tmp_path: Path, lag: int):
    train(tmp_path / "run", f"n_batches=4 {KNN} engine=monarch num_generators=1 max_lag={lag} eval_every=9")
    rows = list(read_metrics(tmp_path / "run"))[1:]
    assert [row["memory/values"] for row in rows] == [4, 8, 12, 16]


# --- pages


def test_the_page_decides_who_embeds():
    assert plan_of(small_page("use_ir=elliptical")).page.memory.encoder == "policy"
    ours = plan_of(small_page("use_ir=knn encoder=policy")).page.memory
    assert (ours.encoder, ours.encoder_device) == ("policy", "cpu") and ours.encoder_dtype != "auto"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("use_ir=knn algorithm=sft", "an intrinsic reward is for attempts"),
        ("use_ir=surprise write_first=true", "write_first is about a memory"),
        ("use_ir=knn+ write_first=true", "novelty=inside as well"),
        ("use_ir=kn", "Did you mean 'knn'"),
    ],
)
def test_pages_that_cannot_be_meant_are_refused(words, complaint):
    with pytest.raises(ConfigError, match=complaint):
        plan_of(small_page(words))


def test_the_highest_reward_counts_what_enters_inside_alone():
    assert [Memory(use_ir=use_ir).highest for use_ir in ("no", "knn", "knn+", "entropy")] == [0, 1, 1, 0]
    assert [Memory(use_ir=use_ir, novelty="inside").highest for use_ir in ("knn", "knn+", "entropy")] == [1, 2, 1]


def test_a_hash_tells_questions_apart():
    assert hash_of("a") == hash_of("a") != hash_of("b") and len(hash_of("")) == 32
