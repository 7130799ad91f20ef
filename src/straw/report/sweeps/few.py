"""Medians of a few times, some of which are only known to be longer, and how sure one may be of them.

    times 40 48 56 64 88 inf        median (56 + 64) / 2 = 60        95% interval [40, inf]

The interval is that of `study.statistics.intervals`, from one time to another; below six times there is none, and
their range is called a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

import numpy as np

from straw.report.study.statistics.intervals import Interval, interval_of


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
    ordered = np.sort(times)
    middle = median(times) if isfinite(ordered[len(ordered) // 2]) else float(ordered[len(ordered) // 2])
    found = interval_of(ordered, ordered, len(ordered)) or Interval(ordered[0], ordered[0], is_range=True)
    return Few(
        value=middle, low=found.low, high=found.high, is_sure=not found.is_range, count=len(ordered), watched=watched
    )


def told(time: float, watched: float) -> str:
    return f"{time:,.0f}" if isfinite(time) else f">{watched:,.0f}"
