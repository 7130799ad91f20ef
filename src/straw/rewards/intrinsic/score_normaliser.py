"""Scores of any scale as numbers in [0, 1], by the smallest and the largest of the newest ones.

    scaled = (raw - min) / (max - min + eps)        over the last `size` raw scores, those of this step included

A step's scores enter together, so they are all measured with one rule, and a step with more scores than `size` is
measured by all of them. While all scores are equal there is nothing to tell apart: each is worth `constant`.

Equal means within EQUAL: distances and products of unit vectors in float32 differ by up to 8e-7 with the order in which
a machine adds (16 to 4,096 numbers). `eps` lies above that and below what tells two texts apart, 1e-3 and more: two
scores 1e-7 apart are worth the same, and a span of 1e-3 pays .99 to its best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from straw.rewards.intrinsic.similarity import EQUAL

EPS = 1e-5


@dataclass(slots=True, kw_only=True)
class Window:
    size: int
    eps: float = EPS
    constant: float = 0.5
    newest: list[float] = field(default_factory=list)

    def scaled(self, raw: Sequence[float]) -> list[float]:
        """Each score of a step, in the order that all later steps will forget them in."""
        if not raw:
            return []
        seen = [*self.newest, *raw][-max(self.size, len(raw)) :]
        self.newest = seen[-self.size :]
        low, high = min(seen), max(seen)
        if high - low <= EQUAL:
            return [self.constant] * len(raw)
        return [(one - low) / (high - low + self.eps) for one in raw]
