"""write_first against a plain model of the published code, written from its description: see the class below."""

from __future__ import annotations

from itertools import count
from random import Random

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from straw.rewards.episodic import Episodic
from straw.rewards.intrinsic import Rules
from straw.rewards.memory_store import MemoryStore
from straw.rewards.trace import Trace
from straw.rewards.write_first import WriteFirst

WIDTH = 16


class Published:
    """One memory as it was published: insert first, then score, one reply at a time; lists and min() and max()."""

    def __init__(self, kind: str, window: int, k: int, anneal_rate: float, phase: int) -> None:
        self.kind, self.window, self.k, self.anneal_rate, self.phase = kind, window, k, anneal_rate, phase
        self.keys: list[np.ndarray] = []
        self.values: list[list[np.ndarray]] = []
        self.scores: list[float] = []
        self.anneal = 1.0

    def insert(self, question: np.ndarray, value: np.ndarray) -> None:
        for held, values in zip(self.keys, self.values, strict=True):
            if (held == question).all():
                values.append(value)
                return
        self.keys.append(question)
        self.values.append([value])

    def score(self, question: np.ndarray, value: np.ndarray) -> float:
        if not self.keys:
            return 1.0
        near = np.argsort([((key - question) ** 2).sum() for key in self.keys], kind="stable")[: self.k]
        found = np.stack([one for slot in near for one in self.values[slot]])
        mean = self.kind == "mean"
        raw = float(np.linalg.norm(value - found.mean(0))) if mean else float(1 - (found @ value).max())
        self.scores = [*self.scores, raw][-self.window :]
        low, high = min(self.scores), max(self.scores)
        scaled = (raw - low) / (high - low) if high > low else (raw if mean else 0.0)
        if mean:
            return scaled
        self.anneal, before = self.anneal * self.anneal_rate, self.anneal
        return before * scaled

    def exploit(self, trace: Trace) -> float:
        question, value = trace.question.double().numpy(), trace.vectors[0].double().numpy()
        if trace.is_right:
            self.insert(question, value)
        return 1 - self.score(question, value)

    def explore(self, trace: Trace) -> float:
        question, value = trace.question.double().numpy(), trace.vectors[0].double().numpy()
        if not trace.is_right:
            self.insert(question, value)
        score = self.score(question, value)
        return score if len(self.keys) >= self.phase else 0.0


def exact_unit(chance: Random) -> torch.Tensor:
    """Sixteen times a quarter: its norm is 1 without rounding, and so are all products."""
    return torch.tensor([chance.choice((-0.25, 0.25)) for _ in range(WIDTH)])


def recorded(seed: int, num_questions: int = 6, steps: int = 25, group: int = 8) -> list[list[Trace]]:
    chance, names = Random(seed), count()
    generator = torch.Generator().manual_seed(seed)  # only their order counts, and no two are equally near
    questions = normalize(torch.randn(num_questions, WIDTH, generator=generator), dim=1)
    told = []
    for _ in range(steps):
        at = chance.randrange(num_questions)
        told.append([
            Trace(
                key=f"{at:032x}", question=questions[at], text=str(next(names)), vectors=exact_unit(chance)[None],
                is_right=chance.random() < 0.4,
            )
            for _ in range(group)
        ])  # fmt: skip
    return told


@pytest.mark.parametrize("phase", [0, 4])
@pytest.mark.parametrize("k", [1, 3])
def test_every_reward_is_the_published_one(k, phase):
    rules = Rules(window=30, anneal_rate=0.99, warmup_keys=phase)
    ours = WriteFirst(Episodic(MemoryStore(WIDTH, 99, 999), MemoryStore(WIDTH, 99, 999), k=k, floor=None), rules)
    success, failure = Published("mean", 30, k, 0.99, 0), Published("max", 30, k, 0.99, phase)
    for step, traces in enumerate(recorded(seed=k + phase), 1):
        found = ours.score(traces, step)
        assert found["exploit"] == pytest.approx([success.exploit(trace) for trace in traces], abs=2e-6)
        assert found["explore"] == pytest.approx([failure.explore(trace) for trace in traces], abs=2e-6)


def test_wrong_replies_earn_no_explore_and_right_ones_all_of_it():
    ours = WriteFirst(Episodic(MemoryStore(WIDTH, 9, 99), MemoryStore(WIDTH, 9, 99), k=1, floor=None), Rules())
    traces = [trace for step in recorded(seed=5, num_questions=1, steps=8) for trace in step]
    found = ours.score(traces, 1)["explore"]
    behind = list(zip(traces, found, strict=True))[8:]
    assert all(score == 0 for trace, score in behind if not trace.is_right)
    assert all(score > 0 for trace, score in behind if trace.is_right)


def test_what_was_kept_goes_on_with_its_annealing():
    def made() -> WriteFirst:
        stores = MemoryStore(WIDTH, 9, 99), MemoryStore(WIDTH, 9, 99)
        return WriteFirst(Episodic(*stores, k=1, floor=None), Rules(anneal_rate=0.9))

    first, told = made(), recorded(seed=6)
    for step, traces in enumerate(told[:10], 1):
        first.score(traces, step)
    second = made()
    second.load(first.arrays())
    assert [first.score(traces, 11) for traces in told[10:]] == [second.score(traces, 11) for traces in told[10:]]
