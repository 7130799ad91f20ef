"""Medians of times of which some are only known to be longer: Kaplan and Meier.

    times 3 5 8+ 9        S: 0.75 behind 3, 0.5 behind 5, 0.5, 0 behind 9        median (5 + 9) / 2 = 7

Where less than half have happened the median is infinite: not reached. The estimate is scipy's. Its interval lies
between two of the runs, see `intervals`: a run that is not over counts for the low end as if it had just happened, and
for the high end as if it never would.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from straw.report.study.load_runs import Array
from straw.report.study.statistics.intervals import Interval, interval_of, units_of
from straw.report.study.statistics.times import Times

CLOSE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """Example: Median(value=640.0, interval=Interval(420, 980), happened=9, total=10, longest=6144)"""

    value: float  # inf: not reached
    interval: Interval | None
    happened: int
    total: int
    longest: float  # that any run was watched

    @property
    def is_reached(self) -> bool:
        return isfinite(self.value)

    @property
    def num_censored(self) -> int:
        return self.total - self.happened


def median_of(times: Times) -> Median | None:
    """None where no run has such a time."""
    if not len(times.runs):
        return None
    return Median(
        value=km_median(times.episodes, times.happened),
        interval=interval_of(times.episodes, endless(times), units_of(times.runs)),
        happened=times.num_happened,
        total=len(times.runs),
        longest=float(times.episodes.max()),
    )


def endless(times: Times) -> Array:
    """What each time may come to at most."""
    return np.where(times.happened, times.episodes, inf)


def km_median(times: Array, happened: np.ndarray) -> float:
    from scipy.stats import CensoredData, ecdf

    if not happened.any():
        return inf
    found = ecdf(CensoredData(uncensored=times[happened], right=times[~happened])).sf
    return middle(found.quantiles, found.probabilities)


def middle(at: Array, survivors: Array) -> float:
    """Between the first time with at most half left and the first with less."""
    half = at[survivors <= 0.5 + CLOSE]
    less = at[survivors < 0.5 - CLOSE]
    return float((half[0] + less[0]) / 2) if len(half) and len(less) else inf
