"""What is remembered of one metric: enough to tell a jump, a drift and a standstill, and no more.

    level    the median of the last 7 values: one or two odd batches do not move it
    peak     the highest level so far, of those at least 7 values old
    start    the mean of the first values

A metric of four rollouts is a lottery: gradients of a sound run differ by a factor of 30 from step to step, and the
estimate of KL by 10. Medians of seven differ by 3. That is why nothing here looks at one value alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, median, pvariance
from typing import Any

SPAN, FIRST, KEPT = 7, 20, 100


@dataclass(slots=True)
class Series:
    """The values of a metric, as they come."""

    recent: list[float] = field(default_factory=list)  # the last KEPT
    first: list[float] = field(default_factory=list)  # the first FIRST
    peak: float = 0.0

    def add(self, value: float) -> None:
        if len(self.first) < FIRST:
            self.first.append(value)
        self.recent = [*self.recent[1 - KEPT :], value]
        if len(self.recent) >= 2 * SPAN:
            self.peak = max(self.peak, median(self.recent[-2 * SPAN : -SPAN]))

    def has(self, count: int) -> bool:
        return len(self.recent) >= count

    @property
    def level(self) -> float:
        return median(self.recent[-SPAN:])

    def start(self, count: int = FIRST) -> float:
        return fmean(self.first[:count])

    def mean(self, count: int) -> float:
        return fmean(self.recent[-count:])

    def jumped(self, factor: float, floor: float = 0.0) -> bool:
        """Whether the level is far above any that came before; not while there is little to compare with."""
        return self.has(FIRST) and self.level > max(floor, factor * self.peak) and self.peak > 0

    def is_rising(self, count: int = 20) -> bool:
        """Whether the last values are higher than those before by more than the standard error of the difference."""
        before, now = self.recent[-2 * count : -count], self.recent[-count:]
        return difference(before, now) > sqrt((pvariance(before) + pvariance(now)) / count)

    def state_dict(self) -> dict[str, Any]:
        return {"recent": self.recent, "first": self.first, "peak": self.peak}


def difference(before: Sequence[float], now: Sequence[float]) -> float:
    return fmean(now) - fmean(before)
