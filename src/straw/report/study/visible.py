"""How large a difference would have been seen, where none was: so that "not told apart" is not read as "equal".

    all runs together stand for what luck does; one condition of as many runs as there are is drawn from them and made
    so many times slower, the others are drawn as they are, and the test is asked. The factor is the smallest of a few
    that it finds in four studies of five.

Example: two conditions of twelve waiting times each for luck alone: a factor of 4 would have been seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from straw.report.study.load_runs import Array
from straw.report.study.statistics.chance import equally_watched
from straw.report.study.statistics.times import Times

FACTORS = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)
POWER, DRAWS, TINY = 0.8, 400, 1e-12


def visible_factor(samples: Sequence[Times], level: float) -> float | None:
    """None where even the largest would have been missed."""
    sizes = [len(one.runs) for one in samples]
    times, happened = (np.concatenate(parts) for parts in zip(*equally_watched(samples), strict=True))
    low, high = 0, len(FACTORS)
    while low < high:
        middle = (low + high) // 2
        if power(times, happened, sizes, FACTORS[middle], level) >= POWER:
            high = middle
        else:
            low = middle + 1
    return FACTORS[low] if low < len(FACTORS) else None


def power(times: Array, happened: np.ndarray, sizes: Sequence[int], factor: float, level: float) -> float:
    """In how many of the drawn studies the log-rank test would have found it. Equal times are in no order."""
    from scipy.stats import chi2

    group = np.repeat(np.arange(len(sizes)), sizes)
    drawn = np.random.default_rng(0).integers(len(times), size=(DRAWS, len(group)))
    later = np.where(group == np.argmin(sizes), factor, 1.0) * times[drawn]
    until = times[~happened].max() if (~happened).any() else np.inf
    order = np.argsort(np.minimum(later, until), axis=1)
    there = np.take_along_axis(happened[drawn] & (later <= until), order, axis=1)
    scores: Array = there - np.cumsum(there / np.arange(len(group), 0, -1), axis=1)
    sums = np.stack([(scores * (group[order] == one)).sum(axis=1) for one in range(len(sizes))], axis=1)
    spread = (scores**2).sum(axis=1) / (len(group) - 1)
    far = (sums**2 / np.array(sizes)).sum(axis=1) / np.maximum(spread, TINY)
    return float((far >= chi2.isf(level, len(sizes) - 1)).mean())
