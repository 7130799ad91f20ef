"""How often at least one of k replies is right, from n replies to each problem.

    pass@k = 1 - C(n - c, k) / C(n, k)      c of n are right; unbiased: the mean over all k-subsets

Not 1 - (1 - c/n)^k, which is too low. Replies to one problem are alike, so the interval counts problems rather than
replies (`alike`); where only one thing is asked of each problem, whether any of its replies is right, it is exact
(`shares`).

Example: 1 of 4 right is pass@1 0.25, pass@2 0.5, pass@4 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from straw.measure.alike import pass_interval
from straw.measure.diversity import mean
from straw.measure.shares import share_interval


def pass_at_k(right: int, replies: int, k: int) -> float:
    """For one problem."""
    if not 0 <= right <= replies or not 1 <= k <= replies:
        raise ValueError(f"pass@k has 0 <= right <= replies and 1 <= k <= replies; got {right} of {replies}, k={k}")
    return 1 - comb(replies - right, k) / comb(replies, k)


def mean_pass(right: Sequence[int], replies: int, k: int) -> tuple[float, float, float]:
    """Over problems, and where the true mean may lie: (mean, low, high)."""
    value = mean([pass_at_k(one, replies, k) for one in right])
    if k == replies:
        return value, *share_interval(sum(one > 0 for one in right), len(right))
    low, high = pass_interval(right, replies, k)
    return value, min(low, value), max(high, value)


def ks_for(replies: int) -> list[int]:
    """1, 2, 4, ... up to all replies."""
    powers = [1 << power for power in range(replies.bit_length()) if 1 << power < replies]
    return [*powers, replies]
