from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tests.small_runs import small_page

from straw.algorithms.baselines import Credit
from straw.config import Memory
from straw.errors import RunError
from straw.training.intrinsic import IntrinsicPay, hash_of, scorer_of
from straw.training.memory_files import MEMORY
from straw.training.resolve.page_to_plan import plan_of
from straw.training.step import credited, with_bonuses
from straw.types import End, Grade, Message, Problem, Rollout, Turn

NEARLY = 1e-4  # a span of 1 pays 1 / (1 + score_eps) to its best
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


def rollout(text: str, *, is_right: bool = False, question: str = "q?", logprob: float = -1.0) -> Rollout:
    return Rollout(
        problem=Problem(key=question, messages=(Message("user", question),), reference=("0",)),
        turns=(Turn(prompt=(1,), reply=(2, 3), logprobs=(logprob, logprob), policy_version=0),),
        replies=(text,), end=End.ANSWERED, grade=Grade(hits=(is_right,), well_formed=True),
        rewards={"binary": float(is_right)},
    )  # fmt: skip


def paying(**options: Any) -> IntrinsicPay:
    page = replace(plan_of(small_page("use_ir=no")).page, memory=Memory(**{"explore_warmup": 0, **options}))
    encoder = Letters() if page.memory.needs_encoder else None
    return IntrinsicPay(page.memory, scorer_of(page, Letters.width), encoder)


def advantages(groups: list[list[Rollout]]) -> list[float]:
    (group,) = with_bonuses(credited(groups, Credit(baseline="group")))
    return [one.advantages[0] for one in group]


# --- where novelty enters

FAILED_BEFORE, NEW = "apple", ("bear", "cat", "dog")


def after_a_failure(novelty: str) -> list[float]:
    """Four wrong replies, one of which failed before: what each of them is credited with."""
    pay = paying(use_ir="knn+", novelty=novelty)
    pay.paid([[rollout(FAILED_BEFORE)]], 1)
    return advantages(pay.paid([[rollout(text) for text in (FAILED_BEFORE, *NEW)]], 2))


def test_inside_the_group_a_repeated_failure_pays_for_other_wrong_replies() -> None:
    assert after_a_failure("inside") == pytest.approx([-0.75, 0.25, 0.25, 0.25], abs=NEARLY)


def test_outside_no_wrong_reply_gains_by_being_new_and_none_pays_for_it() -> None:
    assert after_a_failure("outside") == [0, 0, 0, 0]


def test_outside_a_right_reply_that_is_unlike_what_failed_earns_more() -> None:
    pay = paying(use_ir="knn+", exploit_weight=0.0)
    pay.paid([[rollout(FAILED_BEFORE)]], 1)
    told = [rollout(FAILED_BEFORE), rollout("bear"), rollout("cat", is_right=True), rollout("cat", is_right=True)]
    assert advantages(pay.paid([told], 2)) == pytest.approx([-0.5, -0.5, 1.5, 1.5], abs=NEARLY)


def test_inside_and_out_agree_that_a_group_of_new_failures_teaches_nothing() -> None:
    for novelty in ("inside", "outside"):
        pay = paying(use_ir="knn+", novelty=novelty, constant_window=1.0)
        pay.paid([[rollout(FAILED_BEFORE)]], 1)
        assert advantages(pay.paid([[rollout(text) for text in NEW]], 2)) == [0, 0, 0]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=2, max_size=8))
def test_outside_novelty_leaves_wrong_replies_alone_and_never_blames_a_right_one(told: Any) -> None:
    for use_ir in ("knn+", "surprise", "entropy", "elliptical", "extra"):
        pay = paying(use_ir=use_ir, encoder="minilm", exploit_weight=0.0)
        group = [rollout(text, is_right=is_right, logprob=-float(ord(text))) for text, is_right in told]
        pay.paid([group], 1)
        for one in pay.paid([group], 2)[0]:
            bonus = sum(one.bonuses.values())
            assert bonus >= 0 if one.grade.hits[0] else bonus == 0


def test_a_repeated_failure_is_blamed_behind_the_centring_and_nobody_gains() -> None:
    """One right, three wrong: by right and wrong alone 3/4 and -1/4 each. `bear` was wrong before."""
    pay = paying(use_ir="repeats", explore_weight=0.5)
    pay.paid([[rollout("bear")]], 1)
    told = [rollout("apple", is_right=True), rollout("bear"), rollout("cat"), rollout("dog")]
    assert advantages(pay.paid([told], 2)) == [0.75, -0.75, -0.25, -0.25]
    assert advantages(pay.paid([[rollout(text) for text in ("bear", "cat", "elk", "fox")]], 3)) == [-0.5, -0.5, 0, 0]
    pay.paid([[rollout("apple")]], 4)  # a grader that says otherwise now
    assert advantages(pay.paid([[rollout("apple", is_right=True), rollout("new")]], 5)) == [0.5, -0.5]


def test_inside_it_is_one_more_reward_with_its_weight_and_outside_none() -> None:
    inside, outside = (paying(use_ir="knn+", novelty=where, explore_weight=0.5) for where in ("inside", "outside"))
    told = [[rollout("apple"), rollout("bear", is_right=True)]]
    for pay in (inside, outside):
        pay.paid(told, 1)
    new = [[rollout("cat"), rollout("apple"), rollout("dog", is_right=True)]]
    assert [one.rewards["explore"] for one in inside.paid(new, 2)[0]] == pytest.approx([0.5, 0, 0.5], abs=NEARLY)
    found = outside.paid(new, 2)[0]
    assert [sorted(one.rewards) for one in found] == [["binary", "exploit"]] * 3
    assert [dict(one.bonuses) for one in found] == [{}, {}, {"explore": pytest.approx(0.5, abs=NEARLY)}]
    assert outside.metrics()["rewards/explore/mean"].mean == pytest.approx(2 / 3, abs=NEARLY)


def test_where_turns_are_paid_one_by_one_each_gets_what_the_rollout_earned() -> None:
    pay = paying(use_ir="surprise", novelty="inside")
    turns = [replace(rollout("a", logprob=lp), turn_rewards=(1.0, 0.0)) for lp in (-1.0, -2.0)]
    assert [one.turn_rewards for one in pay.paid([turns], 1)[0]] == [(1.0, 0.0), pytest.approx((2.0, 1.0), abs=NEARLY)]


# --- what is recorded


def test_an_explore_score_of_the_warm_up_pays_nothing_and_stands_in_the_rollout() -> None:
    for novelty in ("inside", "outside"):
        pay = paying(use_ir="knn+", novelty=novelty, explore_warmup=2)
        pay.paid([[rollout(FAILED_BEFORE)]], 1)
        told = [rollout("bear"), rollout(FAILED_BEFORE), rollout("cat", is_right=True)]
        found = pay.paid([told], 2)[0]
        assert [one.scores["explore"] for one in found] == pytest.approx([1, 0, 1], abs=NEARLY)
        assert [one.rewards.get("explore", 0.0) for one in found] == [0, 0, 0]
        assert [dict(one.bonuses) for one in found] == [{}, {}, {}]


def test_so_does_that_of_a_wrong_reply_that_outside_nobody_pays() -> None:
    pay = paying(use_ir="knn+", exploit_weight=0.25)
    pay.paid([[rollout(FAILED_BEFORE)]], 1)
    (wrong, right) = pay.paid([[rollout("bear"), rollout("bear", is_right=True)]], 2)[0]
    assert wrong.scores == right.scores == {"explore": pytest.approx(0.5)}  # equal, so the constant
    assert (wrong.bonuses, right.bonuses) == ({}, {"explore": 0.5})


def test_scores_are_kept_before_weights_and_annealing() -> None:
    pay = paying(use_ir="knn+", novelty="inside", explore_weight=0.5, anneal_rate=0.5, explore_warmup=0)
    pay.paid([[rollout(FAILED_BEFORE)]], 1)
    found = pay.paid([[rollout("bear"), rollout(FAILED_BEFORE)]], 2)[0]
    assert [one.scores["explore"] for one in found] == pytest.approx([1, 0], abs=NEARLY)
    assert [one.raw_rewards["explore"] for one in found] == pytest.approx([0.5, 0], abs=NEARLY)
    assert [one.rewards["explore"] for one in found] == pytest.approx([0.25, 0], abs=NEARLY)


def test_what_there_was_nothing_to_compare_with_has_no_score() -> None:
    (one,) = paying(use_ir="knn+").paid([[rollout("apple")]], 1)[0]
    assert one.scores == {} and one.unscored == "" and one.raw_rewards == {"exploit": 0}


# --- numbers that are not finite


class Poisoned(Letters):
    """Has no numbers for some texts."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = set(texts)

    def encode(self, texts: Any) -> torch.Tensor:
        rows = super().encode(texts)
        rows[[text in self.texts for text in texts]] = torch.nan
        return rows


@pytest.mark.parametrize("options", [{}, {"novelty": "inside"}, {"write_first": True, "novelty": "inside"}])
def test_a_reply_without_a_finite_embedding_has_no_intrinsic_reward_and_poisons_nobody(options: dict[str, Any]) -> None:
    pay, clean = (paying(use_ir="knn+", **options) for _ in range(2))
    pay.encoder = Poisoned("poison")
    for step, (text, is_right) in enumerate([("apple", False), ("bear", True), ("cat", False), ("dog", True)], 1):
        told, lost = rollout(text, is_right=is_right), rollout("poison", is_right=is_right)
        sound, broken = pay.paid([[told, lost]], step)[0]
        assert sound == clean.paid([[told]], step)[0][0]
        assert broken == replace(lost, unscored="the embedding of the reply is not finite")
        assert broken.rewards == {"binary": float(is_right)}
        assert (pay.metrics()["memory/skipped"].mean, clean.metrics()["memory/skipped"].mean) == (1, 0)
        assert all(math.isfinite(metric.mean) for metric in pay.metrics().values())
    mine, yours = pay.intrinsic.arrays(), clean.intrinsic.arrays()
    assert {name: array.tolist() for name, array in mine.items()} == {n: a.tolist() for n, a in yours.items()}


def test_a_question_without_a_finite_embedding_is_never_kept_and_embedded_again(tmp_path: Path) -> None:
    pay = paying(use_ir="knn+")
    pay.encoder = Poisoned("q?")
    for step in (1, 2):
        (one,) = pay.paid([[rollout("apple")]], step)[0]
        assert one.unscored == "the embedding of the question is not finite" and "exploit" not in one.rewards
    assert [call.count("q?") for call in pay.encoder.calls] == [1, 1] and pay.questions == {}
    pay.save(tmp_path, None)
    paying(use_ir="knn+").load(tmp_path)


def test_turns_that_are_paid_one_by_one_lose_nothing_to_a_reply_without_a_score() -> None:
    pay = paying(use_ir="elliptical", encoder="minilm", novelty="inside")
    pay.encoder = Poisoned("poison")
    (one,) = pay.paid([[replace(rollout("poison"), turn_rewards=(1.0, 0.0))]], 1)[0]
    assert one.turn_rewards == (1.0, 0.0) and one.rewards == {"binary": 0}


@pytest.mark.parametrize("name", ["judge.success.sums", "window.exploit", "questions.vectors"])
def test_a_checkpoint_that_carries_a_number_that_is_not_finite_is_refused(tmp_path: Path, name: str) -> None:
    pay = paying(use_ir="knn+")
    for step in (1, 2):
        pay.paid([[rollout("apple", is_right=True), rollout("bear")]], step)
    pay.save(tmp_path, None)
    arrays = load_file(tmp_path / MEMORY)
    arrays[name].view(-1)[0] = torch.nan
    save_file(arrays, tmp_path / MEMORY)
    with pytest.raises(RunError, match=rf"{name} hold numbers that are not finite.*go on from another checkpoint"):
        paying(use_ir="knn+").load(tmp_path)


def test_a_step_in_which_nobody_replied_pays_nobody() -> None:
    silent = replace(rollout(""), replies=(), turns=(), end=End.FAILED)
    for use_ir in ("knn+", "elliptical", "entropy", "surprise", "extra", "repeats"):
        pay = paying(use_ir=use_ir, encoder="minilm")
        assert pay.paid([[silent, silent]], 1) == [[silent, silent]]


# --- state


@pytest.mark.parametrize("use_ir", ["knn", "knn+", "elliptical", "entropy", "surprise", "extra", "repeats"])
def test_what_was_kept_and_read_pays_on_and_knows_its_questions(use_ir: str, tmp_path: Path) -> None:
    one, other = (paying(use_ir=use_ir, encoder="minilm", novelty="inside") for _ in range(2))
    for step, texts in enumerate(("ab", "cd", "ae"), 1):
        one.paid([[rollout(text, is_right=text < "c", logprob=-float(ord(text))) for text in texts]], step)
    one.save(tmp_path, None)
    other.load(tmp_path)
    told = [[rollout(text, is_right=text == "b", logprob=-float(ord(text))) for text in "bxa"]]
    assert one.paid(told, 4) == other.paid(told, 4)
    assert {n: m.mean for n, m in one.metrics().items()} == {n: m.mean for n, m in other.metrics().items()}
    assert {key: v.tolist() for key, v in one.questions.items()} == {k: v.tolist() for k, v in other.questions.items()}


def test_questions_are_kept_by_their_hash_and_the_newest_stay() -> None:
    pay = paying(use_ir="knn", memory_keys=2)
    for step, question in enumerate(("a?", "b?", "a?", "c?"), 1):
        pay.paid([[rollout("apple", question=question)]], step)
    assert list(pay.questions) == [hash_of("b?"), hash_of("c?")]
