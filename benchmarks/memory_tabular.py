"""A policy without a network, for `memory_test.py`: what credit and memory do by themselves, in a second a run.

    p(answer | problem) = softmax of a row of logits              one row a problem, nothing is shared between problems
    row += rate * (sum over the group of A (onehot - p) / G + entropy_coef * dH)

Rewards, memories, windows, credit and the embeddings of MiniLM are straw's own (`scorer_of`, `zscore`), so are their
options; only the policy is a table. It can show whether a bonus leads to right answers or away from them, and what
share of the advantage is its doing. It cannot show what is generalised, nor what a network forgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, permutations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
from memory_encoder import minilm

from straw.algorithms.advantages import centred, zscore
from straw.config import Memory
from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.step import Intrinsic
from straw.rewards.length import cosine_length
from straw.tasks.countdown.expression import equation
from straw.tasks.countdown.numbers import Draw
from straw.tasks.countdown.task import Countdown
from straw.training.intrinsic import hash_of, scorer_of

Numbers = Any  # an array
OPERATORS = "+-*"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A problem: what is asked, all that may be answered, and what of it is right."""

    question: str
    answers: tuple[str, ...]
    is_right: tuple[bool, ...]


@dataclass(kw_only=True)
class Credit:
    """What of the advantages is the memory's doing; sums over a run."""

    base: float = 0.0  # of sizes, as they would be by right and wrong alone
    moved: float = 0.0  # of what they differ by from that
    up: float = 0.0  # what is pushed up ...
    wrong_up: float = 0.0  # ... and is wrong
    groups: int = 0
    alone: int = 0  # groups that right and wrong teach nothing, and that are learned from

    def add(self, advantages: list[float], by_right: list[float], is_right: list[bool]) -> None:
        moved = sum(abs(a - b) for a, b in zip(advantages, by_right, strict=True))
        self.base += sum(map(abs, by_right))
        self.moved += moved
        self.up += sum(max(a, 0.0) for a in advantages)
        self.wrong_up += sum(max(a, 0.0) for a, right in zip(advantages, is_right, strict=True) if not right)
        self.groups += 1
        self.alone += not any(by_right) and moved > 1e-9

    def shares(self) -> dict[str, float]:
        return {
            "share of the advantage": self.moved / (self.base + self.moved or 1.0),
            "groups taught by it alone": self.alone / (self.groups or 1),
            "pushed up and wrong": self.wrong_up / (self.up or 1.0),
        }


@dataclass
class Learner:
    """One run: a table a problem, and what the options of an arm make of its rewards."""

    problems: list[Table]
    options: Mapping[str, Any]
    seed: int
    group_size: int
    credit: Credit = field(default_factory=Credit)

    def __post_init__(self) -> None:
        self.logits = [np.zeros(len(one.answers)) for one in self.problems]
        self.draws = np.random.default_rng(self.seed)
        self.memory = Memory(**{name: self.options[name] for name in self.options if hasattr(Memory, name)})
        self.scorer = scorer_for(self.memory, self.seed)
        self.buffer: list[dict[int, None]] = [{} for _ in self.problems]  # right answers, newest last

    def accuracy(self) -> float:
        """Exactly: what is given to right answers."""
        given = [
            softmax(row)[np.array(one.is_right)].sum() for row, one in zip(self.logits, self.problems, strict=True)
        ]
        return float(np.mean(given))

    def step(self, step: int) -> float:
        """All problems once; returns the share of right answers that were drawn."""
        p = [softmax(row) for row in self.logits]
        said = [self.draws.choice(len(row), size=self.group_size, p=row) for row in p]
        right = [[one.is_right[a] for a in group] for one, group in zip(self.problems, said, strict=True)]
        inside, outside = self.paid(p, said, right, step)
        for place, group in enumerate(said):
            hits = right[place]
            by_right = self.credited([float(hit) for hit in hits])
            advantages = self.credited(
                [self.base(place, a, hit) + more for a, hit, more in zip(group, hits, inside[place], strict=True)]
            )
            outer = [more if (more > 0) == hit else 0.0 for more, hit in zip(outside[place], hits, strict=True)]
            advantages = [a + more for a, more in zip(advantages, outer, strict=True)]
            self.credit.add(advantages, by_right, hits)
            self.update(place, p[place], [*zip(group, advantages, strict=True), *self.replayed(place, hits)])
            self.remember(place, group, hits)
        return float(np.mean(right))

    def credited(self, rewards: list[float]) -> list[float]:
        return centred(rewards) if self.options.get("baseline") == "group" else zscore(rewards)

    def base(self, place: int, answer: int, is_right: bool) -> float:
        """Right or wrong, and by length where the arm says so."""
        weight = self.options.get("cosine", 0.0)
        text = self.problems[place].answers[answer]
        return is_right + (weight * cosine_length(is_right, len(text), 13) if weight else 0.0)

    def paid(self, p: list[Numbers], said: list[Numbers], right: list[list[bool]], step: int) -> tuple[Any, Any]:
        """What is paid inside the centring and behind it, as `training.intrinsic` does; zeros without a memory."""
        nothing = [[0.0] * self.group_size for _ in said]
        if self.scorer is None:
            return nothing, nothing
        scores = self.scorer.score(self.traces(p, said, right), step)
        inside, outside = np.zeros(len(said) * self.group_size), np.zeros(len(said) * self.group_size)
        for name, values in scores.items():
            is_inside = name == "exploit" or self.memory.novelty == "inside"
            weight = self.memory.exploit_weight if name == "exploit" else self.memory.explore_weight
            (inside if is_inside else outside)[:] += weight * np.array([value or 0.0 for value in values])
        return inside.reshape(len(said), -1).tolist(), outside.reshape(len(said), -1).tolist()

    def traces(self, p: list[Numbers], said: list[Numbers], right: list[list[bool]]) -> list[Trace]:
        questions = minilm([one.question for one in self.problems])
        keys = [hash_of(one.question) for one in self.problems]
        texts = [[one.answers[a] for a in group] for one, group in zip(self.problems, said, strict=True)]
        vectors = minilm([text for group in texts for text in group])
        return [
            Trace(
                key=keys[place], question=questions[place], text=text,
                vectors=vectors[place * self.group_size + number][None], is_right=bool(right[place][number]),
                surprisal=-float(np.log(p[place][said[place][number]])),
            )
            for place, group in enumerate(texts)
            for number, text in enumerate(group)
        ]  # fmt: skip

    def update(self, place: int, p: Numbers, learned: list[tuple[int, float]]) -> None:
        gradient = np.zeros_like(p)
        for answer, advantage in learned:
            gradient -= advantage * p
            gradient[answer] += advantage
        bonus = self.options.get("entropy_coef", 0.0)
        logs = np.log(np.maximum(p, 1e-300))
        entropy = -p * (logs - (p * logs).sum())
        self.logits[place] += self.options["learning_rate"] * (gradient / self.group_size + bonus * entropy)

    def replayed(self, place: int, hits: list[bool]) -> list[tuple[int, float]]:
        """As `algorithms.replay` and `training.step.surplus`: what was right before, by what the group lacks to 1."""
        surplus = 1 - sum(hits) / len(hits)
        return [(answer, surplus) for answer in self.buffer[place]] if surplus else []

    def remember(self, place: int, group: Numbers, hits: list[bool]) -> None:
        size = self.options.get("replay", 0)
        for answer in (int(a) for a, hit in zip(group, hits, strict=True) if hit and size):
            self.buffer[place].pop(answer, None)
            self.buffer[place][answer] = None
            while len(self.buffer[place]) > size:
                del self.buffer[place][next(iter(self.buffer[place]))]


def played(problems: list[Table], options: Mapping[str, Any], seed: int) -> dict[str, float]:
    """A run: by name what a policy gives to right answers behind each pass, and what was the memory's doing."""
    learner = Learner(problems, options, seed, int(options["group_size"]))
    accuracies = []
    for step in range(1, int(options["n_batches"]) + 1):
        learner.step(step)
        accuracies.append(learner.accuracy())
    return {"mean of all passes": float(np.mean(accuracies)), "at the end": accuracies[-1], **learner.credit.shares()}


def scorer_for(memory: Memory, seed: int) -> Intrinsic | None:
    if not memory.is_on:
        return None
    return scorer_of(SimpleNamespace(memory=memory, run=SimpleNamespace(seed=seed)), 384)  # type: ignore[arg-type]


def softmax(row: Numbers) -> Numbers:
    found = np.exp(row - row.max())
    return found / found.sum()


# --- what an embedding can tell apart


def spread(problems: list[Table]) -> dict[str, float]:
    """Mean cosine distances between two different answers to one problem, by what they are; means over problems."""
    found: dict[str, list[float]] = {"both right": [], "one right": [], "both wrong": []}
    for one in problems:
        vectors, right = minilm(list(one.answers)).double().numpy(), np.array(one.is_right)
        apart, others = 1 - vectors @ vectors.T, ~np.eye(len(right), dtype=bool)
        of = {"both right": right[:, None] & right, "one right": right[:, None] ^ right}
        of["both wrong"] = ~right[:, None] & ~right
        for name, pairs in of.items():
            if (pairs & others).any():
                found[name].append(float(apart[pairs & others].mean()))
    return {name: float(np.mean(values)) for name, values in found.items() if values}


# --- problems


def doors(seed: int) -> list[Table]:
    """Sixteen, each with a number of its own from 0 to 99."""
    drawn = np.random.default_rng(seed).integers(100, size=16)
    answers = tuple(f"open({number})" for number in range(100))
    return [
        Table(question=f"door {name}", answers=answers, is_right=tuple(n == number for n in range(100)))
        for name, number in zip("abcdefghijklmnop", drawn, strict=True)
    ]


def countdown(seed: int) -> list[Table]:
    """64 problems with three numbers, + - and *, and all answers without brackets, of which some are right."""
    task = Countdown(draw=Draw(least=3, most=3, max_number=9, operators=OPERATORS), prompt="short", task_seed=seed)
    found: dict[str, Table] = {}
    index = 0
    while len(found) < 64:
        problem = task.problem(index)
        index += 1
        numbers, target = problem.facts["numbers"], problem.facts["target"]
        answers = tuple(dict.fromkeys(spellings(numbers)))
        right = tuple((read := equation(text)) is not None and read.value == target for text in answers)
        if any(right):  # some targets want brackets
            found[problem.key] = Table(question=problem.messages[-1].content, answers=answers, is_right=right)
    return list(found.values())


def spellings(numbers: Any) -> list[str]:
    orders = product(permutations(numbers), product(OPERATORS, repeat=len(numbers) - 1))
    return ["".join(map(str, (*chain(*zip(order, (*signs, ""), strict=True)),))) for order, signs in orders]
