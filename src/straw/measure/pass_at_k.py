"""How often at least one of k replies is right, from n replies to each problem.

    pass@k = 1 - C(n - c, k) / C(n, k)      c of n are right; unbiased: the mean over all k-subsets

Not 1 - (1 - c/n)^k, which is too low. Intervals draw problems anew (the bootstrap), since replies to one problem are
alike; with one reply to each they are Wilson's.

Example: 1 of 4 right is pass@1 0.25, pass@2 0.5, pass@4 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np

from straw.measure.accuracy import wilson

DRAWS = 2000
CENTRAL = (2.5, 97.5)  # per cent


def pass_at_k(right: int, replies: int, k: int) -> float:
    """For one problem."""
    if not 0 <= right <= replies or not 1 <= k <= replies:
        raise ValueError(f"pass@k has 0 <= right <= replies and 1 <= k <= replies; got {right} of {replies}, k={k}")
    return 1 - comb(replies - right, k) / comb(replies, k)


def mean_pass(right: Sequence[int], replies: int, k: int) -> tuple[float, float, float]:
    """Over problems, and where the true mean may lie: (mean, low, high)."""
    if replies == 1:
        asked, hits = len(right), sum(right)
        return hits / asked, *wilson(hits, asked)
    values = np.array([pass_at_k(one, replies, k) for one in right])
    draws = np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))
    low, high = np.percentile(values[draws].mean(1), CENTRAL)
    return float(values.mean()), float(low), float(high)


def ks_for(replies: int) -> list[int]:
    """1, 2, 4, ... up to all replies."""
    powers = [1 << power for power in range(replies.bit_length()) if 1 << power < replies]
    return [*powers, replies]
