"""What is embedded, and novelty in whole runs and on pages."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.monarch_here import needs_monarch
from tests.small_runs import Listener, small_page, train
from tests.torture import COMMON, Tally, differing, torture, work
from tests.training.test_intrinsic import KNN, NEARLY, Letters, paying, rollout

from straw.config import Memory
from straw.errors import ConfigError, ModelError, RunError
from straw.runs.reading import read_checkpoints, read_metrics, read_rollouts
from straw.training.intrinsic import IntrinsicPay, embedded_part, hash_of, surprisal
from straw.training.memory_files import MEMORY
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import resume_run, run_page
from straw.types import Metric

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
