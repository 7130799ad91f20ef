"""The program of notebook/memory-test.md: a table is paid and replays as a run of straw does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from tests.small_runs import small_page

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.config import Memory
from straw.training.intrinsic import IntrinsicPay, scorer_of
from straw.training.resolve.page_to_plan import plan_of
from straw.training.step import credited, replayed, with_bonuses
from straw.types import End, Grade, Message, Problem, Rollout, Turn

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WIDTH, SIZE = 384, 4
ANSWERS = ("one", "two", "three", "four", "five")


def vectors(texts: Any) -> torch.Tensor:
    """The same for equal texts, and as different as chance makes them."""
    drawn = [torch.randn(WIDTH, generator=torch.Generator().manual_seed(sum(text.encode()))) for text in texts]
    return torch.nn.functional.normalize(torch.stack(drawn), dim=1)


class Encoder:
    width, num_encoded = WIDTH, 0

    def encode(self, texts: Any) -> torch.Tensor:
        return vectors(texts)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The modules of the benchmark, as its command finds them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("memory_encoder", "memory_arms", "memory_tabular", "memory_tables")
    made = {name: __import__(name) for name in names}
    monkeypatch.setattr(made["memory_tabular"], "minilm", vectors)
    yield made
    for name in names:
        sys.modules.pop(name, None)


def problems(programs: Any) -> list[Any]:
    table = programs["memory_tabular"].Table
    return [
        table(question="a?", answers=ANSWERS, is_right=(True, True, True, False, False)),
        table(question="b?", answers=ANSWERS, is_right=(False, False, False, False, True)),
    ]


def rollout(question: str, text: str, is_right: bool, surprisal: float) -> Rollout:
    return Rollout(
        problem=Problem(key=question, messages=(Message("user", question),), reference=("0",)),
        turns=(Turn(prompt=(1,), reply=(2,), logprobs=(-surprisal,), policy_version=0),),
        replies=(text,), end=End.ANSWERED, grade=Grade(hits=(is_right,), well_formed=True),
        rewards={"binary": float(is_right)},
    )  # fmt: skip


def run_s(memory: Memory) -> IntrinsicPay:
    page = replace(plan_of(small_page("use_ir=no")).page, memory=memory)
    return IntrinsicPay(memory, scorer_of(page, WIDTH), Encoder() if memory.needs_encoder else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arm", ["knn", "knn+ as published", "knn+ behind the centring", "elliptical", "extra", "surprise", "repeats blamed"]
)
def test_a_table_has_the_advantages_of_a_run(arm: str, programs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tabular = programs["memory_tabular"]
    (found,) = [one for one in programs["memory_arms"].ARMS if one.name == arm]
    learner = tabular.Learner(problems(programs), {"learning_rate": 0.0, **found.at(0.3)}, 0, SIZE)
    told: list[list[float]] = []
    monkeypatch.setattr(learner.credit, "add", lambda advantages, *_: told.append(advantages))
    draws, pay = np.random.default_rng(0), run_s(learner.memory)
    for step in range(1, 7):
        learner.step(step)
        said = [draws.choice(len(ANSWERS), size=SIZE, p=[0.2] * len(ANSWERS)) for _ in learner.problems]
        groups = [
            [rollout(one.question, ANSWERS[a], one.is_right[a], float(np.log(5))) for a in group]
            for one, group in zip(learner.problems, said, strict=True)
        ]
        paid = with_bonuses(credited(pay.paid(groups, step), Credit(baseline="zscore")))
        mine = [one for group in told[-2:] for one in group]
        assert mine == pytest.approx([one.advantages[0] for group in paid for one in group], abs=1e-6)
    assert any(any(group) for group in told)


def test_a_table_replays_what_a_run_replays(programs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = programs["memory_tabular"].Learner(problems(programs), {"learning_rate": 0.0, "replay": 2}, 1, SIZE)
    told: list[list[tuple[int, float]]] = []
    monkeypatch.setattr(learner, "update", lambda place, p, learned: told.append(learned))
    replay = BestReplay(2)
    for step in range(1, 9):
        learner.step(step)
        for learned, one in zip(told[-2:], learner.problems, strict=True):
            group = [rollout(one.question, ANSWERS[a], one.is_right[a], 1.0) for a, _ in learned[:SIZE]]
            extra = [kept for kept in replayed([group], replay) if kept.reward]
            again = {(ANSWERS[a], advantage) for a, advantage in learned[SIZE:]}
            assert again == {(kept.replies[0], kept.advantages[0]) for kept in extra}
            for each in group:
                replay.add(each)
    assert any(len(learned) > SIZE for learned in told)


def test_a_policy_is_drawn_to_what_was_right(programs: Any) -> None:
    found = programs["memory_tabular"].played(
        problems(programs), {"learning_rate": 0.5, "group_size": SIZE, "n_batches": 30}, 0
    )
    assert found["at the end"] > 0.95 > found["mean of all passes"] > 0.6
    assert found["share of the advantage"] == found["groups taught by it alone"] == 0


def test_the_spread_of_answers_is_scipy_s(programs: Any) -> None:
    (one, _), rows = problems(programs), vectors(ANSWERS).numpy()
    apart = squareform(pdist(rows, "cosine"))
    found = programs["memory_tabular"].spread([one])
    assert found["both right"] == pytest.approx((apart[0, 1] + apart[0, 2] + apart[1, 2]) / 3, abs=1e-5)
    assert found["one right"] == pytest.approx(apart[:3, 3:].mean(), abs=1e-5)
    assert found["both wrong"] == pytest.approx(apart[3, 4], abs=1e-5)


def test_the_memory_s_share_by_hand(programs: Any) -> None:
    """By right and wrong alone 1.5, -.5, -.5, -.5; the memory takes .5 from the first and gives it to the second."""
    credit = programs["memory_tabular"].Credit()
    credit.add([1.0, 0.0, -0.5, -0.5], [1.5, -0.5, -0.5, -0.5], [True, False, False, False])
    credit.add([0.5, -0.5, 0.0, 0.0], [0.0] * 4, [False] * 4)
    assert credit.shares() == pytest.approx(
        {"share of the advantage": 2 / 5, "groups taught by it alone": 1 / 2, "pushed up and wrong": 1 / 3}
    )


def test_holm_s_correction_is_the_one_of_the_books(programs: Any) -> None:
    found = programs["memory_tables"].holm({("a", ""): 0.01, ("b", ""): 0.04, ("c", ""): 0.03})
    assert found == pytest.approx({("a", ""): 0.03, ("c", ""): 0.06, ("b", ""): 0.06})
