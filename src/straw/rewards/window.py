"""Scores of any scale as numbers in [0, 1], by the smallest and the largest of the newest ones.

    scaled = (raw - min) / (max - min + eps)        over the last `size` raw scores, those of this step included

A step's scores enter together, so they are all measured with one rule, and a step with more scores than `size` is
measured by all of them. While all scores are equal there is nothing to tell apart: each is worth `constant`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Window:
    size: int
    eps: float = 1e-8
    constant: float = 0.5
    newest: list[float] = field(default_factory=list)

    def scaled(self, raw: Sequence[float]) -> list[float]:
        """Each score of a step, in the order that all later steps will forget them in."""
        if not raw:
            return []
        seen = [*self.newest, *raw][-max(self.size, len(raw)) :]
        self.newest = seen[-self.size :]
        low, high = min(seen), max(seen)
        if low == high:
            return [self.constant] * len(raw)
        return [(one - low) / (high - low + self.eps) for one in raw]
