"""Where a true share may lie when some of so many were right: Blaker's exact interval, 95%.

    acceptable at p      P(X >= right) + the largest lower tail that is no likelier, or the same from the other side
    the interval         from the first to the last p at which that is above 5%

It holds the truth at least 95 times in a hundred whatever it is, near 0 and 1 too, where Wilson's holds it 83 times
of a hundred; and it is never wider than that of Clopper and Pearson.

Example: 18 of 20 are 0.90, between 0.69 and 0.98.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DOUBT = 0.05
GRID, HALVINGS = 64, 27
LIKE = 1 + 1e-9  # two tails that are equal but for rounding


@lru_cache(maxsize=4096)
def share_interval(right: int, asked: int) -> tuple[float, float]:
    """(low, high); 0 and 1 where none or all were right."""
    if not 0 <= right <= asked or not asked:
        raise ValueError(f"a share has 0 <= right <= asked and asked >= 1; got {right} of {asked}")
    return lowest(right, asked), 1 - lowest(asked - right, asked)


def lowest(right: int, asked: int) -> float:
    """The smallest share at which so many are still acceptable.

    It lies between the shares at which as many or more have 2.5% and 5%. There acceptability jumps up where the other
    tail takes in one more count, so a grid finds the first piece and halving the end of it.
    """
    if right == 0:
        return 0.0
    from_, to = (share_with_tail(right, asked, tail) for tail in (DOUBT / 2, DOUBT))
    grid = np.linspace(from_, to, GRID)
    first = int(np.argmax(acceptable(grid, right, asked) > DOUBT))
    low, high = float(grid[max(0, first - 1)]), float(grid[first])
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_in = acceptable(np.array([middle]), right, asked)[0] > DOUBT
        low, high = (low, middle) if is_in else (middle, high)
    return high


def acceptable(shares: Array, right: int, asked: int) -> Array:
    """Below right / asked: the upper tail, and of the lower tails the largest that is no likelier."""
    below = np.cumsum(chances(shares, asked), axis=1)
    tail = 1 - below[:, right - 1]
    others = np.where(below <= tail[:, None] * LIKE, below, 0.0).max(axis=1)
    return np.asarray(np.minimum(1.0, tail + others))


def share_with_tail(right: int, asked: int, tail: float) -> float:
    """The share at which P(X >= right) is `tail`."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        upper = chances(np.array([middle]), asked)[0, right:].sum()
        low, high = (middle, high) if upper < tail else (low, middle)
    return high


def chances(shares: Array, asked: int) -> Array:
    """P(X = 0), P(X = 1), ... of a binomial X, a row a share."""
    ways, counts = log_ways(asked), np.arange(asked + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        right = np.where(counts == 0, 0.0, counts * np.log(shares)[:, None])
        wrong = np.where(counts == asked, 0.0, (asked - counts) * np.log1p(-shares)[:, None])
    return np.asarray(np.exp(ways + right + wrong))


@lru_cache(maxsize=64)
def log_ways(asked: int) -> Array:
    """In how many ways 0, 1, ... of them can be right."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, asked + 1)))])
    return np.asarray(factorials[-1] - factorials - factorials[::-1])
