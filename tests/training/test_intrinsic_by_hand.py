"""What a score pays, which questions are kept and who makes the judge: by hand, without a run."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.small_runs import small_plan
from tests.training.test_intrinsic import Letters, paying, rollout

from straw.config import Memory
from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.step import Intrinsic, Rules
from straw.rewards.intrinsic.write_first import WriteFirst
from straw.training import intrinsic as module
from straw.training.intrinsic import (
    IntrinsicPay,
    NoIntrinsic,
    hash_of,
    intrinsic_of,
    judge_of,
    rules_of,
    scorer_of,
    semantic_of,
    surprisal,
)
from straw.types import Grade, Message, Metric, Turn


def scored(memory: Memory, measured: dict[str, list[float | None]] | None = None, **flaws: str) -> IntrinsicPay:
    """Pay of this page, by scores that are given."""
    kept: Any = SimpleNamespace(
        flaws={int(place[1:]): why for place, why in flaws.items()}, measured=measured or {}, empty_share=0.25,
        counts=lambda: {"memory/keys": 3},
    )  # fmt: skip
    return IntrinsicPay(memory, kept, None)


@pytest.mark.parametrize(
    ("score", "right", "wrong"),
    [(0.5, {"explore": 1.0}, {}), (0.0, {"explore": 0.0}, {}), (-0.5, {}, {"explore": -1.0}), (None, {}, {})],
)
def test_outside_a_score_adds_to_right_replies_and_takes_from_wrong_ones(
    score: float | None, right: dict[str, float], wrong: dict[str, float]
) -> None:
    pay = scored(Memory(use_ir="knn+", novelty="outside", explore_weight=2.0))
    for is_right, bonuses in ((True, right), (False, wrong)):
        one = rollout("apple", is_right=is_right)
        found = pay._pay(one, {"explore": [9.0, score]}, 1)
        assert found.bonuses == bonuses and found.rewards == one.rewards and found.raw_rewards == {}


def test_a_reply_of_several_answers_is_right_where_all_are() -> None:
    pay = scored(Memory(use_ir="knn+", novelty="outside"))
    for hits, bonuses in (((True, True), {"explore": 0.5}), ((True, False), {})):
        one = replace(rollout("apple"), grade=Grade(hits=hits, well_formed=True))
        assert pay._pay(one, {"explore": [0.5]}, 0).bonuses == bonuses


def test_inside_every_score_is_a_reward_with_its_weight_and_each_turn_gets_all_of_it() -> None:
    pay = scored(Memory(use_ir="knn+", novelty="inside", explore_weight=2.0, exploit_weight=0.5))
    one = replace(rollout("apple", is_right=True), turn_rewards=(1.0, 0.0), bonuses={"before": 0.25})
    found = pay._pay(one, {"exploit": [0.5], "explore": [0.25]}, 0)
    assert found.rewards == {"binary": 1.0, "exploit": 0.25, "explore": 0.5}
    assert found.raw_rewards == {"exploit": 0.5, "explore": 0.25}
    assert found.turn_rewards == (1.75, 0.75) and found.bonuses == {"before": 0.25}
    nothing = pay._pay(one, {"exploit": [None], "explore": [None]}, 0)
    assert nothing.rewards == {"binary": 1.0, "exploit": 0.0, "explore": 0.0} and nothing.turn_rewards == (1.0, 0.0)


def test_exploit_is_inside_wherever_novelty_is() -> None:
    pay = scored(Memory(use_ir="knn+", novelty="outside", exploit_weight=0.5))
    found = pay._pay(rollout("apple"), {"exploit": [0.5], "explore": [0.5]}, 0)
    assert found.rewards == {"binary": 0.0, "exploit": 0.25} and found.bonuses == {}


def test_what_was_measured_stands_in_the_record_and_a_flaw_instead_of_all_pay() -> None:
    measured: dict[str, list[float | None]] = {"exploit": [None, 0.5], "explore": [0.25, 0.0]}
    pay = scored(Memory(use_ir="knn+", novelty="outside"), measured, _0="not finite")
    lost, sound = (pay._pay(rollout("apple"), {"exploit": [0.5, 0.5]}, place) for place in (0, 1))
    assert lost == replace(rollout("apple"), unscored="not finite")
    assert sound.scores == {"exploit": 0.5, "explore": 0.0} and sound.unscored == ""


def test_metrics_are_means_over_the_replies_that_have_a_score() -> None:
    trace = Trace(key="a", question=torch.zeros(0), text="", vectors=torch.zeros(1, 0), is_right=False)
    scores: dict[str, list[float | None]] = {"exploit": [1.0, 1.0, 1.0], "explore": [None, 9.0, 0.5]}
    cases: list[tuple[Any, bool]] = [("outside", True), ("inside", False)]
    for novelty, is_said in cases:
        pay = scored(Memory(use_ir="knn+", novelty=novelty), None, _1="not finite")
        found = pay._metrics(scores, [], [trace] * 3, 0)
        assert found.get("rewards/explore/mean") == (Metric(0.25, 2) if is_said else None)
        assert "rewards/exploit/mean" not in found and "memory/encoded" not in found
        assert found["memory/empty"] == Metric(0.25, 2) and found["memory/skipped"] == Metric(1.0)
        assert found["memory/keys"] == Metric(3.0)


def test_what_needs_no_encoder_has_texts_without_vectors() -> None:
    pay = paying(use_ir="surprise")
    assert pay.encoder is None
    (trace,) = pay._traces([[rollout("apple", logprob=-2.0)]])
    assert (trace.question.shape, trace.vectors.shape) == ((0,), (1, 0))
    assert (trace.key, trace.text, trace.surprisal, trace.is_right) == (hash_of("q?"), "apple", 2.0, False)


def test_replies_of_several_turns_are_one_text_of_lines_and_who_said_nothing_has_no_trace() -> None:
    pay = paying(use_ir="surprise")
    talk, silent = replace(rollout(""), replies=("one", "two")), replace(rollout(""), replies=())
    assert [trace.text for trace in pay._traces([[silent, talk], [silent]])] == ["one\ntwo"]
    paid = pay.paid([[silent, talk], [silent]], 1)
    assert paid[0][0] is silent and paid[1][0] is silent and paid[0][1].scores.keys() == {"surprise"}


def test_scores_go_to_the_rollouts_that_they_were_made_of_across_groups() -> None:
    pay = paying(use_ir="surprise", novelty="inside")
    silent = replace(rollout(""), replies=())
    groups = [[rollout("a", logprob=-1.0), silent, rollout("b", logprob=-3.0)], [rollout("c", logprob=-2.0)]]
    (first, _, third), (last,) = pay.paid(groups, 1)
    found = [one.raw_rewards["surprise"] for one in (first, third, last)]
    assert found == pytest.approx([0.0, 1.0, 0.5], abs=1e-3)


def asking(*questions: str) -> list[Any]:
    return [[rollout("apple", question=one)] for one in questions]


def test_all_questions_of_a_step_are_kept_however_few_may_be_and_else_the_oldest_leave() -> None:
    pay = paying(use_ir="knn", memory_keys=2)
    pay.paid(asking("a?", "b?", "c?"), 1)
    assert list(pay.questions) == [hash_of(one) for one in ("a?", "b?", "c?")]
    pay.paid(asking("d?", "b?"), 2)
    assert list(pay.questions) == [hash_of(one) for one in ("b?", "d?")]


def test_a_policy_that_embeds_by_itself_is_asked_for_every_question_again() -> None:
    for encoder, calls in (("policy", [1, 1]), ("minilm", [1, 0])):
        pay = paying(use_ir="knn", encoder=encoder)
        for step in (1, 2):
            pay.paid(asking("a?"), step)
        assert isinstance(pay.encoder, Letters)
        assert [call.count("a?") for call in pay.encoder.calls] == calls


def test_a_question_of_a_conversation_is_its_last_message() -> None:
    one = rollout("apple")
    one = replace(one, problem=replace(one.problem, messages=(Message("system", "Play."), Message("user", "q?"))))
    pay = paying(use_ir="surprise")
    assert pay._traces([[one]])[0].key == hash_of("q?")


def test_groups_are_filed_in_runs_of_so_many_under_the_first_of_each() -> None:
    groups = asking("a?", "b?", "c?", "d?", "e?")
    pay = scored(Memory(use_ir="knn+", write_first=True, groups_per_key=2))
    found = [(group[0].problem.key, question) for group, question in pay._asked(groups)]
    assert found == [("a?", "a?"), ("b?", "a?"), ("c?", "c?"), ("d?", "c?"), ("e?", "e?")]


def test_diversity_is_by_question_and_only_of_what_has_a_trace() -> None:
    """Two replies at right angles to one question, two alike to another, one alone to a third."""

    def trace(axis: int) -> Trace:
        vectors = torch.eye(3)[[axis]]
        return Trace(key="", question=torch.zeros(3), text="", vectors=vectors, is_right=False)

    silent = replace(rollout(""), replies=())
    groups = [[silent, rollout("a"), rollout("b")], [rollout("c", question="other?")] * 2, asking("third?")[0]]
    assert semantic_of(groups, {place: trace(place % 2) for place in range(2)}) == Metric(1.0, 1)
    every = {0: trace(0), 1: trace(1), 2: trace(2), 3: trace(2), 4: trace(0)}
    assert semantic_of(groups, every) == Metric(0.5, 2)
    assert semantic_of(groups, {0: trace(0), 2: trace(1)}).count == 0


def test_surprisal_is_a_mean_in_nats() -> None:
    turn = Turn(prompt=(1,), reply=(2, 3), logprobs=(-1.0, -4.0), policy_version=0)
    assert surprisal(replace(rollout("a"), turns=(turn,))) == 2.5


def test_a_text_that_is_no_unicode_has_a_hash_too() -> None:
    assert hash_of("\ud800") == hash_of("?") and len(hash_of("a")) == 32


# --- who makes it


def test_a_page_without_an_intrinsic_reward_pays_and_keeps_nothing(tmp_path: Path) -> None:
    engine: Any = None
    off = intrinsic_of(small_plan("use_ir=no").page, engine)
    groups = [[rollout("apple")]]
    assert type(off) is NoIntrinsic and off.paid(groups, 1) is groups and off.metrics() == {}
    off.save(tmp_path, None)
    off.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_is_loaded_as_the_page_says_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def named(*what: Any) -> Letters:
        asked.append(what)
        return Letters()

    monkeypatch.setattr(module, "encoder_named", named)
    widths: list[int] = []

    def scorer(page: Any, width: int) -> Any:
        widths.append(width)
        return "scorer"

    monkeypatch.setattr(module, "scorer_of", scorer)
    engine: Any = "engine"
    page = small_plan("use_ir=no").page
    with_one = replace(page, memory=Memory(use_ir="knn", encoder="minilm", encoder_device="cpu"))
    made = intrinsic_of(with_one, engine)
    assert isinstance(made, IntrinsicPay) and isinstance(made.encoder, Letters)
    assert asked == [("minilm", "engine", "cpu", "auto")]
    without: Any = intrinsic_of(replace(page, memory=Memory(use_ir="surprise")), engine)
    assert without.encoder is None and len(asked) == 1 and widths == [26, 0]
    assert (without.questions, without.found, without.memory.use_ir) == ({}, {}, "surprise")


def test_a_judge_is_made_of_the_page_the_width_and_the_run_s_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    page = small_plan("use_ir=no seed=7").page
    asked: list[Any] = []
    monkeypatch.setattr(
        module, "kind_named", lambda name: SimpleNamespace(make=lambda *what: asked.append((name, what)))
    )
    judge_of(replace(page, memory=Memory(use_ir="knn")), 26)
    assert asked == [("knn", (Memory(use_ir="knn"), 26, 7))]


def test_a_reply_is_stored_before_it_is_scored_where_a_memory_is_to_write_first() -> None:
    page = small_plan("use_ir=no").page
    for memory, kind in (
        (Memory(use_ir="knn+", write_first=True), WriteFirst),
        (Memory(use_ir="knn+"), Intrinsic),
        (Memory(use_ir="surprise"), Intrinsic),
    ):
        made = scorer_of(replace(page, memory=memory), 26)
        assert type(made) is kind and made.rules == rules_of(memory)


def test_every_rule_is_the_option_of_the_page_that_it_is_named_for() -> None:
    memory = Memory(
        score_window=7, score_eps=0.5, constant_window=0.25, window_per_outcome=True, explore_warmup=3,
        explore_warmup_keys=4, anneal_rate=0.125,
    )  # fmt: skip
    rules = Rules(
        window=7, window_eps=0.5, constant_window=0.25, per_outcome=True, warmup_steps=3, warmup_keys=4,
        anneal_rate=0.125,
    )  # fmt: skip
    assert rules_of(memory) == rules and len(fields(Rules)) == 7
