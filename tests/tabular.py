"""Learners without a network, for the law of the ledger: one table of logits for every secret there is, side by side.

flat   softmax over N answers               tree   one logit for each prefix of the answer's bits

Every secret is played with the same random numbers, so a run is a function of its secret alone, as the law asks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import log2

import numpy as np

from straw.information import miller_madow_bits, plug_in_entropy_bits
from straw.measure.ledger.offered import CausalCode, symbol_of
from straw.measure.ledger.reward_classes import Classes
from straw.rewards.channel import Channel
from straw.types import Grade


@dataclass
class Played:
    """Bits, one entry a secret."""

    absorbed: np.ndarray
    received: np.ndarray
    offered: np.ndarray
    plug_in: np.ndarray
    miller_madow: np.ndarray


def play(
    channel: Channel, N: int, *, episodes: int, learning_rate: float, seed: int, policy: str = "flat", group: int = 4
) -> Played:
    """Centred policy gradient; the gradient of a group is a sum over its members."""
    secrets, chance = np.arange(N), np.random.default_rng(seed)
    learner = {"flat": Flat, "tree": Tree}[policy](N)
    pays = np.array([[channel(graded(g, s), 0.0).total for g in range(N)] for s in range(N)])
    guesses = []
    for _ in range(episodes // group):
        said = np.stack([learner.draw(chance.random()) for _ in range(group)], axis=1)
        paid = pays[secrets[:, None], said]
        learner.update(said, learning_rate * (paid - paid.mean(axis=1, keepdims=True)))
        guesses.append(said)
    said = np.concatenate(guesses, axis=1)
    return booked(channel, pays, said, np.log2(learner.probabilities()[secrets, secrets] * N), group)


def graded(guess: int, secret: int) -> Grade:
    return Grade(hits=(guess == secret,), well_formed=True, offsets=(guess - secret,))


def booked(channel: Channel, pays: np.ndarray, said: np.ndarray, absorbed: np.ndarray, group: int) -> Played:
    """The ledger's numbers for these guesses, secret by secret."""
    N, classes = len(pays), Classes(channel, len(pays))
    rows = []
    for secret in range(N):
        code, left = CausalCode(levels=channel.levels, is_observed=True), np.arange(N)
        offered, told = 0.0, [symbol_of((pays[secret, guess],)) for guess in said[secret]]
        for guess, symbol in zip(said[secret], told, strict=True):
            alike = classes.of((int(guess),), left)
            kept = left[alike == classes.of((int(guess),), np.array([secret]))[0]]
            offered += code.charge("", str(guess), symbol, log2(len(left) / len(kept)))
            left = kept
        counts = [list(Counter(told[at : at + group]).values()) for at in range(0, len(told), group)]
        plug_in = group * sum(map(plug_in_entropy_bits, counts))
        corrected = group * sum(miller_madow_bits(one, channel.levels) for one in counts)
        rows.append((absorbed[secret], log2(N / len(left)), offered, plug_in, corrected))
    return Played(*np.array(rows).T)


class Flat:
    def __init__(self, N: int) -> None:
        self.logits = np.zeros((N, N))

    def probabilities(self) -> np.ndarray:
        top = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return top / top.sum(axis=1, keepdims=True)

    def draw(self, uniform: float) -> np.ndarray:
        heaps = self.probabilities().cumsum(axis=1)
        return np.minimum((heaps < uniform * heaps[:, -1:]).sum(axis=1), self.logits.shape[1] - 1)

    def update(self, said: np.ndarray, pushes: np.ndarray) -> None:
        p, rows = self.probabilities(), np.arange(len(said))
        for guess, push in zip(said.T, pushes.T, strict=True):
            self.logits -= push[:, None] * p
            self.logits[rows, guess] += push


class Tree:
    """N is a power of two; node i has the children 2i and 2i + 1, and its logit is that of the right one."""

    def __init__(self, N: int) -> None:
        self.N, self.depth, self.logits = N, (N - 1).bit_length(), np.zeros((N, N))

    def _right(self) -> np.ndarray:
        return 1 / (1 + np.exp(-self.logits))

    def probabilities(self) -> np.ndarray:
        right, p = self._right(), np.ones((self.N, 1))
        for level in range(self.depth):
            here = right[:, 2**level : 2 ** (level + 1)]
            p = np.stack([p * (1 - here), p * here], axis=2).reshape(self.N, -1)
        return p

    def draw(self, uniform: float) -> np.ndarray:
        heaps = self.probabilities().cumsum(axis=1)
        return np.minimum((heaps < uniform * heaps[:, -1:]).sum(axis=1), self.N - 1)

    def update(self, said: np.ndarray, pushes: np.ndarray) -> None:
        right, rows = self._right(), np.arange(self.N)
        for guess, push in zip(said.T, pushes.T, strict=True):
            for level in range(self.depth):
                node = (1 << level) + (guess >> (self.depth - level))
                bit = guess >> (self.depth - level - 1) & 1
                self.logits[rows, node] += push * (bit - right[rows, node])
