"""How large a difference would have been seen, where none was: so that "not told apart" is not read as "equal".

    all runs together stand for what luck does; one condition of as many runs as there are is drawn from them and made
    so many times slower, the others are drawn as they are, and the test is asked. The factor is the smallest of a few
    that it finds in four studies of five.

Example: two conditions of twelve waiting times each for luck alone: a factor of 4 would have been seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from straw.report.study.chance import Ranked, covariance, distance, equally_watched, log_rank_scores, sums_of
from straw.report.study.gathered import Array
from straw.report.study.times import Times

FACTORS = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)
POWER, DRAWS = 0.8, 160


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
    from scipy.stats import chi2

    rng, limit = np.random.default_rng(0), chi2.isf(level, len(sizes) - 1)
    until = times[~happened].max() if (~happened).any() else np.inf
    group = np.repeat(np.arange(len(sizes)), sizes)
    slow = group == np.argmin(sizes)
    found = 0
    for _ in range(DRAWS):
        drawn = rng.integers(len(times), size=len(group))
        later = np.where(slow, factor, 1.0) * times[drawn]
        scores = log_rank_scores(np.minimum(later, until), happened[drawn] & (later <= until))
        runs = Ranked(scores - scores.mean(), group, np.zeros(len(group), dtype=int))
        precision = np.asarray(np.linalg.pinv(covariance(runs)), dtype=float)
        found += bool(distance(sums_of(runs.scores[None], runs), precision)[0] >= limit)
    return found / DRAWS
