from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tests.monarch_here import needs_monarch
from tests.small_runs import Listener, small_page, train
from tests.torture import COMMON, Tally, differing, torture, work

from straw.algorithms.baselines import Credit
from straw.config import Memory
from straw.errors import ConfigError, ModelError, RunError
from straw.runs.reading import read_checkpoints, read_metrics, read_rollouts
from straw.training.intrinsic import MEMORY, IntrinsicPay, embedded_part, hash_of, scorer_of, surprisal
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import resume_run, run_page
from straw.training.step import credited, with_bonuses
from straw.types import End, Grade, Message, Metric, Problem, Rollout, Turn

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
    pay.save(tmp_path)
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
    pay.save(tmp_path)
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
    one.save(tmp_path)
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


# --- what is embedded


def test_a_step_is_one_call_for_its_distinct_texts_and_a_known_question_costs_nothing() -> None:
    pay = paying(use_ir="knn+")
    group = [rollout("apple"), rollout("bear"), rollout("apple", is_right=True)]
    pay.paid([group, [rollout("bear", question="other?")]], 1)
    pay.paid([group], 2)
    assert isinstance(pay.encoder, Letters)
    assert pay.encoder.calls == [["q?", "other?", "apple", "bear"], ["apple", "bear"]]
    assert pay.metrics()["memory/encoded"].mean == 2


def test_every_reply_is_filed_under_its_own_question() -> None:
    pay = paying(use_ir="knn+", k=1, novelty="inside")
    pay.paid([[rollout("apple")], [rollout("bear", question="other?")]], 1)
    first, second = pay.paid([[rollout("bear"), rollout("apple")], [rollout("bear", question="other?")]], 2)
    assert [one.rewards["explore"] for one in (*first, *second)] == pytest.approx([1, 0, 0], abs=NEARLY)


@pytest.mark.parametrize(
    ("reply", "reasoning"),
    [
        ("<reasoning>\n2+2\nis 4\n</reasoning><answer>4</answer>", "2+2\nis 4"),
        ("no tag", "no tag"),
        (" no tag\n", "no tag"),
        ("<reasoning>\n2+2 is", "2+2 is"),
        ("<reasoning> 2+2 <answer>4</answer>", "2+2 <answer>4</answer>"),
        ("<reasoning>no</reasoning> wait <reasoning>yes</reasoning> <answer>4</answer>", "yes"),
        ("<reasoning>no</reasoning> or <reasoning>yes", "yes"),
        ("2+2</reasoning><answer>4</answer>", "2+2"),
        ("<reasoning></reasoning>4", ""),
        ("", ""),
    ],
)
def test_what_stands_behind_the_last_reasoning_tag_is_embedded_up_to_its_end_or_the_reply_s(
    reply: str, reasoning: str
) -> None:
    assert embedded_part(reply, "reasoning") == reasoning


def test_a_response_is_embedded_as_it_is_but_for_a_tag_that_never_closes() -> None:
    for reply in ("<reasoning>2+2</reasoning><answer>4</answer>", " no tag", "2+2</reasoning>"):
        assert embedded_part(reply, "response") == reply
    assert embedded_part("<reasoning>\n2+2 is", "response") == "2+2 is"
    assert embedded_part("<reasoning>no</reasoning> <reasoning> 2", "response") == "<reasoning>no</reasoning>  2"


@pytest.mark.parametrize("embed", ["reasoning", "response"])
@pytest.mark.parametrize("options", [{}, {"write_first": True, "novelty": "inside"}, {"memory_unit": "sentence"}])
def test_in_every_mode_the_encoder_gets_an_open_reasoning_without_its_tag(embed: str, options: dict[str, Any]) -> None:
    pay = paying(use_ir="knn+", embed=embed, **options)
    pay.paid([[rollout("<reasoning>\nbear")]], 1)
    assert isinstance(pay.encoder, Letters)
    assert pay.encoder.calls == [["q?", "bear"]]


def test_with_groups_per_key_as_published_replies_are_filed_under_the_first_question() -> None:
    asked = ("q?", "other?", "third?", "last?")
    groups = [[rollout("apple", question=question), rollout("bear", question=question)] for question in asked]
    keys = {}
    for together in (1, 2, 3):
        pay = paying(use_ir="knn+", write_first=True, novelty="inside", groups_per_key=together)
        keys[together] = [trace.key for trace in pay._traces(groups)][::2]
        pay.paid(groups, 1)
        assert isinstance(pay.encoder, Letters)
        assert pay.encoder.calls[0][:-2] == [question for question in asked[::together]]
    q, other, third, last = (hash_of(question) for question in asked)
    assert keys == {1: [q, other, third, last], 2: [q, q, third, third], 3: [q, q, q, last]}


def test_replies_to_two_questions_under_one_key_are_two_groups_of_diversity() -> None:
    pay = paying(use_ir="knn+", write_first=True, novelty="inside", groups_per_key=2)
    pay.paid([[rollout("apple")] * 2, [rollout("bear", question="other?")] * 2], 1)
    assert pay.metrics()["diversity/semantic"] == Metric(0.0, 2)


def test_diversity_is_of_two_replies_and_more() -> None:
    pay = paying(use_ir="knn+")
    pay.paid([[rollout("apple"), rollout("bear")], [rollout("cat", question="other?")]], 1)
    assert pay.metrics()["diversity/semantic"] == Metric(1.0, 1)  # at right angles


def test_a_sentence_memory_compares_sentence_by_sentence() -> None:
    pay = paying(use_ir="knn+", memory_unit="sentence", novelty="inside")
    pay.paid([[rollout("apple. Bear.")]], 1)
    found = pay.paid([[rollout("apple. Cat."), rollout("apple."), rollout("dog.")]], 2)[0]
    assert [one.rewards["explore"] for one in found] == pytest.approx([0.5, 0, 1], abs=NEARLY)


# --- in a run


def test_an_empty_memory_shows_in_the_metrics_and_rewards_are_logged(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", f"n_batches=4 {KNN} novelty=inside eval_every=9")
    rows = list(read_metrics(tmp_path / "run"))[1:]
    assert rows[0]["memory/empty"] == 1 and rows[0]["rewards/exploit/mean"] == 0
    assert all(
        {"memory/keys", "memory/values", "rewards/explore/mean", "diversity/answers"} <= row.keys() for row in rows
    )
    assert [row["memory/values"] for row in rows] == [4, 8, 12, 16]


def test_bonuses_stand_in_the_record_of_a_rollout(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", f"n_batches=6 {KNN} N=2 eval_every=9")
    told = [row for row in read_rollouts(tmp_path / "run") if "bonuses" in row]
    assert told and all(all(row["grade"]["hits"]) for row in told)


def test_scores_that_pay_nothing_stand_in_rollouts_jsonl(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", "n_batches=4 use_ir=knn+ encoder=policy explore_warmup=9 eval_every=9")
    rows = [row for row in read_rollouts(tmp_path / "run") if row["step"] > 1]
    assert len(rows) == 12 and all(0 <= row["scores"]["explore"] <= 1 for row in rows)
    assert all("bonuses" not in row and "unscored" not in row for row in rows)


@pytest.mark.slow
def test_runs_with_a_memory_that_are_killed_go_on_as_if_they_had_not_been(home: Path, tmp_path: Path) -> None:
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
        pytest.param("use_ir=entropy explore_warmup=0", False, marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_bit_by_bit_with_its_memory_and_only_with_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Any, forgets: bool
) -> None:
    words = f"{COMMON} {words}"
    assert work(words, tmp_path / "alone")
    if forgets:
        monkeypatch.setattr(IntrinsicPay, "load", lambda pay, folder: None)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", words), Dying())
    resume_run(tmp_path / "run", Listener())
    assert bool(differing(tmp_path / "alone", tmp_path / "run")) == forgets


def test_a_checkpoint_without_its_memory_is_refused(home: Path, tmp_path: Path) -> None:
    pay = paying(use_ir="knn+")
    with pytest.raises(RunError, match=r"use_ir=knn\+ holds memory.safetensors"):
        pay.load(tmp_path)


def test_a_run_without_intrinsic_reward_keeps_no_memory(home: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", "n_batches=2")
    (kept,) = read_checkpoints(tmp_path / "run")
    assert not (tmp_path / "run" / kept["folder"] / MEMORY).exists()


@needs_monarch
@pytest.mark.slow
@pytest.mark.parametrize("lag", [0, 1])
def test_a_memory_works_with_generators_that_run_ahead(home: Path, tmp_path: Path, lag: int) -> None:
    train(tmp_path / "run", f"n_batches=4 {KNN} engine=monarch num_generators=1 max_lag={lag} eval_every=9")
    rows = list(read_metrics(tmp_path / "run"))[1:]
    assert [row["memory/values"] for row in rows] == [4, 8, 12, 16]


# --- pages


def test_the_page_decides_who_embeds() -> None:
    assert plan_of(small_page("use_ir=elliptical")).page.memory.encoder == "policy"
    ours = plan_of(small_page("use_ir=knn encoder=policy")).page.memory
    assert (ours.encoder, ours.encoder_device) == ("policy", "cpu") and ours.encoder_dtype != "auto"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("use_ir=knn algorithm=sft", "an intrinsic reward is for rollouts"),
        ("use_ir=surprise write_first=true", "write_first is about a memory"),
        ("use_ir=knn+ write_first=true novelty=outside", "Write novelty=inside, or leave it out"),
        ("use_ir=knn+ groups_per_key=2", r"groups_per_key=2 with write_first=false\. Write groups_per_key=1"),
        ("use_ir=kn", "did you mean 'knn'"),
    ],
)
def test_pages_that_cannot_be_meant_are_refused(words: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        plan_of(small_page(words))


def test_the_highest_reward_counts_what_enters_inside_alone() -> None:
    assert [Memory(use_ir=use_ir).highest for use_ir in ("no", "knn", "knn+", "entropy")] == [0, 1, 1, 0]
    assert [Memory(use_ir=use_ir, novelty="inside").highest for use_ir in ("knn", "knn+", "entropy")] == [1, 2, 1]


def test_an_encoder_that_is_not_there_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ModelError, match="there is no encoder 'minilmm'"):
        plan_of(small_page("use_ir=knn encoder=minilmm"))


def test_only_a_memory_says_how_empty_it_is() -> None:
    for use_ir, says in (("knn", True), ("knn+", True), ("elliptical", False), ("surprise", False)):
        pay = paying(use_ir=use_ir, encoder="minilm")
        pay.paid([[rollout("apple")]], 1)
        assert ("memory/empty" in pay.metrics()) == says


def test_surprisal_is_a_mean_over_the_tokens_of_all_turns_and_0_of_none() -> None:
    turn = rollout("a", logprob=-1.0).turns[0]
    assert surprisal(replace(rollout("a"), turns=(turn, replace(turn, reply=(2,), logprobs=(-4.0,))))) == 2
    assert surprisal(replace(rollout("a"), turns=())) == 0


def test_a_hash_tells_questions_apart() -> None:
    assert hash_of("a") == hash_of("a") != hash_of("b") and len(hash_of("")) == 32
