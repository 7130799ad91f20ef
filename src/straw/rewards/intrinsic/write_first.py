"""The scores of the published code, one reply after the other, for comparison with it.

    for each reply, in the order of the group:
        right: write it to the successes;   d = |v - mean of the neighbours' successes|    exploit = 1 - minmax(d)
        wrong: write it to the failures;    n = 1 - largest cosine with their failures      explore = anneal * minmax(n)

    warm-up (fewer than `warmup_keys` questions have failures)    explore 0; window and annealing are not touched
    nothing was written yet                                       exploit 0, explore 1; neither touched
    all of the window is equal                                    exploit 1 - d, explore 0; not annealed

A reply is written before it is scored, so a wrong one always meets itself and is never novel: explore becomes a noisy
bonus for being right. The first right one is its own centroid. Annealing counts replies, not steps.

Below its capacity every reward is the published one, rounding included, since where a window holds nothing but rounding
it is scaled to [0, 1] as well: sums and products are numpy's in float32, and a question is filed under its embedding,
not its text. Beyond its capacity (`memory_keys` questions) the published store loses its place and ends with a KeyError
or an IndexError; ours forgets the oldest. A vector of length 0 is as unlike as can be, where the published code goes on
with NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays, Trace
from straw.rewards.intrinsic.episodic import Episodic
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.rewards.intrinsic.step import Intrinsic, Rules, Scores

Rows = NDArray[np.float32]
TINY = np.finfo(np.float32).tiny


class WriteFirst(Intrinsic):
    """The same memory and windows, in the published order."""

    def __init__(self, judge: Episodic, rules: Rules) -> None:
        super().__init__(judge, rules)
        self.memory, self.anneal = judge, 1.0
        self.empty = 0  # of this step's scores, those with nothing to compare with

    def score(self, traces: Sequence[Trace], step: int) -> Scores:
        found: Scores = {name: [None] * len(traces) for name in self.names}
        self.empty = 0
        for place in self._sound(traces):
            trace = replace(traces[place], key=key_of(traces[place].question))
            self.memory.write([trace])
            found["exploit"][place] = self._exploit(trace)
            if self.memory.failure is not None:
                found["explore"][place] = self._explore(trace, self.memory.failure)
        self.empty_share = self.empty / max(1, (len(traces) - len(self.flaws)) * len(found))
        self.measured = found
        return found

    def _exploit(self, trace: Trace) -> float:
        successes = self._answers(trace, self.memory.success)
        if successes is None:
            return 0.0
        distance = distance_to_mean(trace.vectors.numpy(), successes)
        low, high = self._window_with("exploit", distance)
        return 1 - (distance if low == high else (distance - low) / (high - low))

    def _explore(self, trace: Trace, store: MemoryStore) -> float:
        if store.num_keys < self.rules.warmup_keys:
            return 0.0
        failures = self._answers(trace, store)
        if failures is None:
            return 1.0
        novelty = unlike(trace.vectors.numpy(), failures)
        low, high = self._window_with("explore", novelty)
        if low == high:
            return 0.0
        anneal, self.anneal = self.anneal, self.anneal * self.rules.anneal_rate
        return anneal * (novelty - low) / (high - low)

    def _answers(self, trace: Trace, store: MemoryStore) -> Rows | None:
        """Of the nearest questions; None where there are none."""
        (slots,) = store.nearest([trace.key], trace.question[None], self.memory.k, self.memory.floor)
        self.empty += not slots
        return store.values_of(slots).numpy() if slots else None

    def _window_with(self, name: str, value: float) -> tuple[float, float]:
        """The smallest and largest of the newest scores, this one included."""
        newest = [*self._window(name).newest, value][-self.rules.window :]
        self._window(name).newest = newest
        return min(newest), max(newest)

    def _small(self) -> dict[str, Tensor]:
        return super()._small() | {"anneal": torch.tensor([self.anneal], dtype=torch.float64)}

    def load(self, arrays: Arrays) -> None:
        super().load(arrays)
        self.anneal = float(arrays["anneal"])


def key_of(question: Tensor) -> str:
    """Equal for equal numbers: 0 and -0 are."""
    return blake2b((question + 0.0).numpy().tobytes(), digest_size=16).hexdigest()


def distance_to_mean(reply: Rows, answers: Rows) -> float:
    """Of a reply of several rows their mean."""
    mean = answers.mean(axis=0)
    return float(np.mean([np.linalg.norm(row - mean) for row in reply]))


def unlike(reply: Rows, answers: Rows) -> float:
    """1 - the largest cosine. The published code divides every product by every length; only rounding tells."""
    lengths = np.linalg.norm(answers, axis=1)
    found = []
    for row in reply:
        alike = (answers @ row[:, None]).max()
        length = (lengths.min() if alike > 0 else lengths.max()) * np.linalg.norm(row)
        found.append(1 - alike / max(length, TINY))
    return float(np.mean(found))
