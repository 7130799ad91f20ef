"""Medians of times of which some are only known to be longer: Kaplan and Meier.

    times 3 5 8+ 9        S: 0.75 behind 3, 0.5 behind 5, 0.5, 0 behind 9        median (5 + 9) / 2 = 7

Where less than half have happened the median is infinite: not reached. The estimate is scipy's; for the bootstrap the
same product is taken over many weightings at once, and a test holds the two together. Whether some are faster than
others is asked of the log-rank test, of any number of samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from straw.report.study.gathered import Array
from straw.report.study.resample import Interval, interval_from
from straw.report.study.times import Times

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
        value=km_median(times),
        interval=interval_from(times.runs, lambda weights: km_medians(times, weights)),
        happened=times.num_happened,
        total=len(times.runs),
        longest=float(times.episodes.max()),
    )


def km_median(times: Times) -> float:
    from scipy.stats import CensoredData, ecdf

    if not times.num_happened:
        return inf
    sample = CensoredData(uncensored=times.episodes[times.happened], right=times.episodes[~times.happened])
    found = ecdf(sample).sf
    return middle(found.quantiles, found.probabilities)


def middle(at: Array, survivors: Array) -> float:
    """Between the first time with at most half left and the first with less."""
    half = at[survivors <= 0.5 + CLOSE]
    less = at[survivors < 0.5 - CLOSE]
    return float((half[0] + less[0]) / 2) if len(half) and len(less) else inf


def km_medians(times: Times, weights: Array) -> Array:
    """The same for every row of weights; of equal times those that happened come first."""
    order = np.lexsort((~times.happened, times.episodes))
    at, happened, weights = times.episodes[order], times.happened[order], weights[:, order]
    left = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    step = 1 - np.divide(weights * happened, left, out=np.zeros_like(weights), where=left > 0)
    survivors = np.cumprod(step, axis=1)
    return (first_at(at, survivors <= 0.5 + CLOSE) + first_at(at, survivors < 0.5 - CLOSE)) / 2


def first_at(at: Array, reached: np.ndarray) -> Array:
    return np.where(reached.any(axis=1), at[reached.argmax(axis=1)], inf)


def same_pace(*samples: Times) -> float | None:
    """The p of the log-rank test that all of them take equally long; None where nothing can be compared.

    Of two samples it is scipy's, and a test holds the two together.
    """
    from scipy.stats import chi2

    if min(len(one.runs) for one in samples) < 2:
        return None
    surprise, spread = log_rank(samples)
    if not (freedom := int(np.linalg.matrix_rank(spread))):  # nothing happened, or everything at once
        return None
    return float(chi2.sf(surprise @ np.linalg.pinv(spread) @ surprise, freedom))


def log_rank(samples: Sequence[Times]) -> tuple[Array, Array]:
    """For each sample how many happened beyond its share of those at risk, and the covariance of that."""
    surprise, spread = np.zeros(len(samples)), np.zeros((len(samples), len(samples)))
    for time in np.unique(np.concatenate([one.episodes[one.happened] for one in samples])):
        at_risk = np.array([float((one.episodes >= time).sum()) for one in samples])
        happened = np.array([float((one.happened & (one.episodes == time)).sum()) for one in samples])
        count, share = happened.sum(), at_risk / at_risk.sum()
        surprise += happened - count * share
        finite = (at_risk.sum() - count) / max(at_risk.sum() - 1, 1.0)
        spread += count * finite * (np.diag(share) - np.outer(share, share))
    return surprise, spread
