"""Medians of a few times, some of which are only known to be longer, and how sure one may be of them.

    times 40 48 56 64 88 inf        median (56 + 64) / 2 = 60        95% interval [40, inf]

The interval goes from one time to another: the true median lies between the k-th smallest and the k-th largest of n
times unless k - 1 of them or fewer are on one side, which happens with probability 2 P(Bin(n, 1/2) < k). From six times
on there is a k that keeps this below 5%; fewer have no such interval, and their range is called a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, isfinite
from statistics import median

SURE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Few:
    """Example: few_of([40, 48, 56, 64, 88, inf], watched=240) says 60 [40, >240]"""

    value: float
    low: float
    high: float
    is_sure: bool  # an interval at 95%, not a range
    count: int
    watched: float  # how long nothing was heard of what is infinite

    @property
    def value_told(self) -> str:
        return told(self.value, self.watched)

    def __str__(self) -> str:
        ends = f"{told(self.low, self.watched)}, {told(self.high, self.watched)}"
        return f"{self.value_told} [{ends}]" if self.is_sure else f"{ends} ({self.count})"


def few_of(times: Sequence[float], watched: float) -> Few:
    """Of one time or more."""
    ordered, depth = sorted(times), depth_of(len(times))
    end = depth or 1
    middle = median(ordered) if isfinite(ordered[len(ordered) // 2]) else ordered[len(ordered) // 2]
    return Few(
        value=middle, low=ordered[end - 1], high=ordered[-end], is_sure=depth > 0, count=len(ordered), watched=watched
    )


def depth_of(count: int) -> int:
    """k: how many times from outside the interval ends; 0 where no interval is sure enough."""
    return max((k for k in range(1, count // 2 + 1) if coverage(count, k) >= SURE), default=0)


def coverage(count: int, depth: int) -> float:
    """Of the interval from the depth-th smallest to the depth-th largest of so many times."""
    return 1 - 2 * sum(comb(count, below) for below in range(depth)) / 2**count


def told(time: float, watched: float) -> str:
    return f"{time:,.0f}" if isfinite(time) else f">{watched:,.0f}"
