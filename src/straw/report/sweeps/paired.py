"""A few runs of each condition: their mean, how sure it is, and what lies between two conditions, seed by seed.

    mean        m +- t s / sqrt(n)          Student's t, 95%
    against     the same of the differences a_i - b_i, where both have a run of seed i
    p           of all 2^n ways to swap a_i and b_i, the share whose mean difference is at least as large

Runs of one seed meet the same problems in the same order and are asked the same at the end, so a pair differs in less
than two runs do. The test takes no distribution for granted; one pair is no test, and fewer than six cannot come below
5%. Where 2^n is too many, that many ways are drawn. The intervals are for runs that scatter evenly about their mean;
one that falls over makes its own interval wide, and is missed by those that it is not in. Each p is of its pair alone.

Example: the differences 1, 2, 3 have the mean 2, +- 2.48, and p = 2 / 8 = 0.25.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, nan, sqrt
from statistics import NormalDist, mean, stdev
from typing import NamedTuple

import numpy as np

MOST_WAYS = 1 << 16
EQUAL = 1e-12  # two sums of the same numbers in another order


class Sure(NamedTuple):
    """Example: Sure(0.46, 0.43, 0.49)"""

    mean: float
    low: float
    high: float


class Against(NamedTuple):
    difference: Sure
    p: float | None  # None of a single pair
    num_pairs: int


def sure(values: Sequence[float]) -> Sure:
    """One value tells nothing about others."""
    if len(values) < 2:
        return Sure(values[0], -inf, inf) if values else Sure(nan, nan, nan)
    middle, half = mean(values), t_quantile(len(values) - 1) * stdev(values) / sqrt(len(values))
    return Sure(middle, middle - half, middle + half)


def against(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Against | None:
    """By seed; None where no seed has both."""
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    if not differences:
        return None
    return Against(sure(differences), swapped_p(differences) if len(differences) > 1 else None, len(differences))


def swapped_p(differences: Sequence[float]) -> float:
    """Two-sided; never below 2 / 2^n."""
    count = len(differences)
    if 1 << count <= MOST_WAYS:
        signs = 1 - 2 * (np.arange(1 << count)[:, None] >> np.arange(count) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], size=(MOST_WAYS, count))
        signs[0] = 1
    sums = np.abs(signs @ np.array(differences, dtype=float))
    return float((sums >= sums[0] - EQUAL).mean())


def t_quantile(freedom: int, share: float = 0.975) -> float:
    """Student's, by the expansion about the normal one (Abramowitz and Stegun 26.7.5), right to 0.001 from 7 on.

    1 and 2 have formulas of their own.
    """
    if freedom == 1:
        return float(np.tan(np.pi * (share - 0.5)))
    if freedom == 2:
        return (2 * share - 1) * sqrt(2 / (4 * share * (1 - share)))
    z = NormalDist().inv_cdf(share)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )
