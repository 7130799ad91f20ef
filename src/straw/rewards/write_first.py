"""The scores of the published code, one reply after the other, for comparison with it.

    for each reply, in the order of the group:
        right: write it to the successes;   d = distance to the centroid;   exploit = 1 - minmax(d)
        wrong: write it to the failures;    n = 1 - max cosine;             explore = anneal * minmax(n)

A reply is written before it is scored, so a wrong one always meets itself and is never novel: explore becomes a noisy
bonus for being right. The first right one is its own centroid. Where all of the window is equal, exploit is 1 - d and
explore 0; before anything was written, exploit is 0 and explore 1. Annealing counts replies, the warm-up counts keys of
failures. It equals the published code below its capacity (beyond that, that code breaks), with two differences: each
reply has its own question, not the first of the batch, and cosines within 1e-6 of 1 are 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from straw.rewards.episodic import Episodic
from straw.rewards.intrinsic import Intrinsic, Rules, Scores
from straw.rewards.similarity import exploit, explore
from straw.rewards.trace import Arrays, Trace


class WriteFirst(Intrinsic):
    """The same memory and windows, in the published order."""

    def __init__(self, judge: Episodic, rules: Rules) -> None:
        super().__init__(judge, rules)
        self.memory, self.anneal = judge, 1.0

    def score(self, traces: Sequence[Trace], step: int) -> Scores:
        found: Scores = {name: [] for name in self.names}
        empty = 0
        for trace in traces:
            self.memory.write([trace])
            nearness, novelty = self._distance(trace), self._novelty_of(trace)
            empty += nearness is None
            found["exploit"].append(0.0 if nearness is None else 1 - self._minmax("exploit", nearness, nearness))
            if "explore" in found:
                empty += novelty is None
                found["explore"].append(self._explore(novelty))
        self.empty_share = empty / max(1, len(traces) * len(found))
        return found

    def _explore(self, novelty: float | None) -> float:
        failures = self.memory.failure
        score = 1.0
        if novelty is not None:
            score = self.anneal * self._minmax("explore", novelty, 0.0)
            self.anneal *= self.rules.anneal_rate
        return score if failures is not None and failures.num_keys >= self.rules.warmup_keys else 0.0

    def _distance(self, trace: Trace) -> float | None:
        store = self.memory.success
        (slots,) = store.nearest([trace.key], trace.question[None], self.memory.k, self.memory.floor)
        return -exploit([trace.vectors], store.centroid(slots))[0] if slots else None

    def _novelty_of(self, trace: Trace) -> float | None:
        store = self.memory.failure
        if store is None:
            return None
        (slots,) = store.nearest([trace.key], trace.question[None], self.memory.k, self.memory.floor)
        return explore([trace.vectors], store.values_of(slots))[0] if slots else None

    def _minmax(self, name: str, value: float, where_constant: float) -> float:
        newest = [*self._window(name).newest, value][-self.rules.window :]
        self._window(name).newest = newest
        low, high = min(newest), max(newest)
        return where_constant if low == high else (value - low) / (high - low)

    def arrays(self) -> dict[str, Tensor]:
        return super().arrays() | {"anneal": torch.tensor([self.anneal], dtype=torch.float64)}

    def load(self, arrays: Arrays) -> None:
        super().load(arrays)
        self.anneal = float(arrays["anneal"])
