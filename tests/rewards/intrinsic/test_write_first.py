"""write_first against the published code's own rewards, `published/recorded.json`: `published/record.py` made it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.small_runs import small_page

from straw.config import Memory, with_values
from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.episodic import Episodic
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.rewards.intrinsic.step import Rules
from straw.rewards.intrinsic.write_first import WriteFirst, distance_to_mean, key_of, unlike
from straw.text.graders.exact import Exact
from straw.training.intrinsic import IntrinsicPay, scorer_of
from straw.types import End, Grade, Message, Problem, Rollout

RECORDED = json.loads((Path(__file__).parent / "published" / "recorded.json").read_text())


class Table:
    """The published code's encoder in the record: it knows the texts that were embedded there, and no other."""

    width = 16

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self.vectors, self.num_encoded = vectors, 0

    def encode(self, texts: Any) -> torch.Tensor:
        return torch.tensor([self.vectors[text] for text in texts])


def paying(case: dict[str, Any]) -> IntrinsicPay:
    words = {
        "use_ir": "knn+", "write_first": True, "novelty": "inside", "k": case["k"], "memory_keys": 1000,
        "memory_values": case["max_values"], "score_window": case["window"], "anneal_rate": case["anneal_rate"],
        "explore_warmup_keys": case["explore_phase"], "groups_per_key": case.get("together", 1),
    }  # fmt: skip
    page = with_values(small_page("use_ir=no").page, words)
    return IntrinsicPay(page.memory, scorer_of(page, Table.width), Table(case["vectors"]))


def rollout(question: str, reply: dict[str, Any]) -> Rollout:
    return Rollout(
        problem=Problem(key=question, messages=(Message("user", question),), reference=("0",)), turns=(),
        replies=(reply["text"],), end=End.ANSWERED, grade=Grade(hits=(reply["is_right"],), well_formed=True),
    )  # fmt: skip


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_every_reward_is_the_published_one_from_the_reply_s_text_on(case: Any) -> None:
    pay = paying(case)
    for step, call in enumerate(case["calls"], 1):
        groups = [[rollout(group["question"], reply) for reply in group["replies"]] for group in call]
        for group, told in zip(pay.paid(groups, step), call, strict=True):
            for name in ("exploit", "explore"):
                found = [one.raw_rewards[name] for one in group]
                assert found == pytest.approx([reply[name] for reply in told["replies"]], abs=1e-6)


def test_the_grader_that_pays_calls_right_what_the_published_code_does() -> None:
    told = [reply for case in RECORDED for call in case["calls"] for group in call for reply in group["replies"]]
    assert [Exact().judge(one["text"], one["gold"]) for one in told] == [one["is_right"] for one in told]


def test_the_record_has_seen_what_tells_versions_apart() -> None:
    told = [reply for case in RECORDED for call in case["calls"] for group in call for reply in group["replies"]]
    assert (
        sum(0 < reply["explore"] < 1 for reply in told) > 150 and sum(0 < reply["exploit"] < 1 for reply in told) > 200
    )
    assert sum(reply["exploit"] < 0 for reply in told) > 5  # 1 - d, while all of the window is equal
    open_ended = [one for one in told if one["text"].rpartition("<reasoning>")[2].count("</reasoning>") == 0]
    assert len(open_ended) > 200 and sum(one["text"].count("<reasoning>") > 1 for one in told) > 100


# --- by hand, on vectors of three numbers

X, Y, Z = torch.eye(3)
ASKED = torch.tensor([0.6, 0.8, 0.0])


def told(vector: torch.Tensor, is_right: bool = False, question: torch.Tensor = ASKED) -> Trace:
    return Trace(key="00" * 16, question=question, text=str(vector), vectors=vector[None], is_right=is_right)


ALL = Rules()


def memory(rules: Rules = ALL, k: int = 1) -> WriteFirst:
    return WriteFirst(Episodic(MemoryStore(3, 9, 99), MemoryStore(3, 9, 99), k=k, floor=None), rules)


def test_before_anything_was_written_explore_is_full_and_exploit_nothing() -> None:
    ours = memory()
    assert ours.score([told(X, is_right=True)], 1) == {
        "exploit": [1],
        "explore": [1],
    }  # itself a success, no failure yet
    assert ours.empty_share == 0.5 and ours.windows["exploit"].newest == [0] and "explore" not in ours.windows


def test_one_score_with_nothing_to_compare_with_is_all_of_them() -> None:
    ours = WriteFirst(Episodic(MemoryStore(3, 9, 99), None, k=1, floor=None), ALL)
    assert ours.score([told(X)], 1) == {"exploit": [0]} and ours.empty_share == 1
    assert ours.score([], 2) == {"exploit": []} and ours.empty_share == 0


def test_the_warm_up_touches_neither_window_nor_annealing() -> None:
    ours = memory(Rules(warmup_keys=2, anneal_rate=0.5))
    assert ours.score([told(X), told(Y, is_right=True), told(Z)], 1)["explore"] == [0, 0, 0]
    assert "explore" not in ours.windows and ours.anneal == 1
    ours.score([told(X, question=Z)], 2)
    assert ours.windows["explore"].newest == [0]


def test_the_warm_up_s_zero_is_the_score_that_is_kept() -> None:
    ours = memory(Rules(warmup_keys=2))
    ours.score([told(X)], 1)
    assert ours.measured == {"exploit": [0], "explore": [0]}


def test_while_all_of_the_window_is_equal_nothing_is_annealed() -> None:
    ours = memory(Rules(anneal_rate=0.5))
    assert ours.score([told(X), told(X), told(X)], 1)["explore"] == [0, 0, 0] and ours.anneal == 1
    found = ours.score([told(Y, is_right=True), told(Z, is_right=True), told(Y, is_right=True)], 2)["explore"]
    assert found == [1, 0.5, 0.25]
    assert ours.anneal == 0.125


def test_exploit_is_1_less_the_distance_while_all_of_the_window_is_equal() -> None:
    ours = memory(Rules(window=2))
    ours.score([told(X, is_right=True)], 1)
    found = ours.score([told(Y), told(Y), told(Y)], 2)["exploit"]
    assert found == pytest.approx([0, 1 - 2**0.5, 1 - 2**0.5])  # |Y - X| is the root of 2


def test_questions_with_one_embedding_are_one_question() -> None:
    ours = memory()
    ours.score([told(X, question=ASKED), replace(told(X, question=ASKED + 0.0), key="11" * 16)], 1)
    assert ours.memory.failure is not None and (ours.memory.failure.num_keys, ours.memory.failure.num_values) == (1, 2)
    assert key_of(torch.tensor([0.0, 1.0])) == key_of(torch.tensor([-0.0, 1.0])) != key_of(torch.tensor([1.0, 0.0]))


def test_a_reply_of_several_sentences_is_paid_their_mean() -> None:
    rows, answers = torch.stack([X, Z]).numpy(), torch.stack([X, Y]).numpy()
    assert unlike(rows, answers) == 0.5
    assert distance_to_mean(rows, answers) == pytest.approx((0.5**0.5 + 1.5**0.5) / 2)


def test_of_failures_that_are_not_of_one_length_the_shortest_counts_and_of_unlike_ones_the_longest() -> None:
    answers = torch.stack([X / 2, 2 * Y]).numpy()
    assert unlike(X[None].numpy(), answers) == 0  # 1/2 : 1/2
    assert unlike(-Y[None].numpy(), -answers[1:]) == 0
    assert unlike(-X[None].numpy(), torch.stack([X, X]).numpy()) == 2
    assert unlike(0 * X[None].numpy(), answers) == 1


def test_a_reply_with_a_flaw_has_no_part_in_the_share_that_could_not_be_compared() -> None:
    ours = memory()
    lost = told(X * float("nan"))
    assert ours.score([told(X), lost, told(Y)], 1)["exploit"] == [0, None, 0]  # no success, twice
    assert ours.empty_share == 0.5 and list(ours.flaws) == [1]


def test_neighbours_below_the_floor_are_none() -> None:
    judge = Episodic(MemoryStore(3, 9, 99), MemoryStore(3, 9, 99), k=1, floor=0.5)
    ours = WriteFirst(judge, ALL)
    ours.score([told(X, is_right=True, question=Z)], 1)
    assert ours.score([told(X, question=Y)], 2)["exploit"] == [0] and ours.empty == 1


def test_wrong_replies_earn_no_explore_and_right_ones_all_of_it() -> None:
    generator = torch.Generator().manual_seed(3)
    ours = memory()
    vectors = torch.nn.functional.normalize(torch.randn(40, 3, generator=generator), dim=1)
    found = ours.score([told(vector, is_right=place % 2 == 1) for place, vector in enumerate(vectors)], 1)["explore"]
    assert max(found[2::2]) < 1e-6 < min(found[3::2])


# --- state


def going_on(left_out: str = "") -> tuple[list[dict[str, list[float]]], list[dict[str, list[float]]]]:
    """Scores of a memory and of one that was read from it, without one field or with all."""
    generator = torch.Generator().manual_seed(4)
    vectors = iter(torch.nn.functional.normalize(torch.randn(80, 3, generator=generator), dim=1))
    questions = torch.eye(3)
    first, second = (memory(Rules(anneal_rate=0.9, window=30, warmup_keys=2), k=2) for _ in range(2))
    steps = [[told(next(vectors), n % 3 == 0, questions[n % 3]) for n in range(8)] for _ in range(8)]
    for step in steps[:4]:
        first.score(step, 1)
    kept = {name: array.clone() for name, array in first.arrays().items()}
    if left_out:
        kept[left_out] = torch.zeros_like(kept[left_out]) if left_out == "anneal" else kept[left_out][:0]
    second.load(kept)
    return [first.score(step, 9) for step in steps[4:]], [second.score(step, 9) for step in steps[4:]]


def test_what_was_kept_goes_on_with_its_annealing_and_windows() -> None:
    one, other = going_on()
    assert one == other


@pytest.mark.parametrize("left_out", ["anneal", "window.exploit", "window.explore"])
def test_a_field_that_is_left_out_is_noticed(left_out: str) -> None:
    one, other = going_on(left_out)
    assert one != other


def test_a_checkpoint_without_annealing_is_refused() -> None:
    ours = memory()
    kept = ours.arrays()
    del kept["anneal"]
    with pytest.raises(KeyError, match="anneal"):
        ours.load(kept)


def test_a_page_that_names_write_first_gets_this_class() -> None:
    for use_ir, kind in (("knn", WriteFirst), ("knn+", WriteFirst)):
        page = replace(small_page("use_ir=no").page, memory=Memory(use_ir=use_ir, write_first=True, novelty="inside"))
        assert type(scorer_of(page, 3)) is kind
