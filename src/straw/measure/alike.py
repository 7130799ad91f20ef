"""Where the true mean over problems may lie, when each problem was asked several times.

Replies to one problem are alike: sixteen of them tell less than sixteen problems, and how much less is not known. Of
a problem's chance to be answered right it is taken that it is drawn from a beta distribution, with mean mu and
likeness rho (0: all problems are equally hard, 1: replies to one are all right or all wrong), so that the counts are
beta-binomial.

    interval    95% of what the counts leave of (mu, rho): the lower end with the prior mu^-4/5 (1 - mu)^-1/5, the
                upper end with that turned round, so that each end leans outward by a fifth of a problem; rho: Jeffreys
    pass@k      1 - E (1 - p)^k, of the same
    alike       where every problem has all of its replies right or none, one reply each would have told as much: not
                narrower than the exact interval of so many problems (`shares`)

Drawing problems anew instead (the bootstrap) says "0.0 to 0.0" where none was right. These intervals hold at least 94
times in a hundred over all truths of this kind, which for few problems can be counted out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from straw.measure.shares import share_interval

Array = NDArray[np.float64]
CENTRAL = (0.025, 0.975)
LEAN = (0.2, 0.8)  # of the prior of mu: a beta's two exponents, for the lower end; turned round for the upper
MEANS, LIKENESSES = np.linspace(-11, 11, 133), np.linspace(-8, 8, 33)  # in logits
DEEP = 18.0  # below the top of the logarithm nothing counts


class Beliefs(NamedTuple):
    """On a grid of (rho, mu): the logarithm of the likelihood, and the beta's two exponents."""

    mean: Array
    log_likelihood: Array
    a: Array
    b: Array


def pass_interval(right: Sequence[int], replies: int, k: int) -> tuple[float, float]:
    """(low, high) of pass@k."""
    counts = np.bincount(np.asarray(right), minlength=replies + 1)
    rough = beliefs(counts, MEANS, LIKENESSES)
    found = beliefs(counts, *narrowed(rough))
    passed = 1 - failed(found, k)
    low, high = (
        quantile(passed, found.log_likelihood + leaning(found.mean, lean), share)
        for share, lean in zip(CENTRAL, (LEAN, LEAN[::-1]), strict=True)
    )
    if counts[0] + counts[-1] < len(right):
        return low, high
    least, most = share_interval(int(counts[-1]), len(right))
    return min(low, least), max(high, most)


def beliefs(counts: NDArray[np.int64], means: Array, likenesses: Array) -> Beliefs:
    """The prior of the likeness is in it; on a grid of logits Jeffreys' is its root's."""
    mean, likeness = ((1 / (1 + np.exp(-logits))) for logits in (means, likenesses[:, None]))
    a, b = mean * (1 - likeness) / likeness, (1 - mean) * (1 - likeness) / likeness
    replies = len(counts) - 1
    logs = 0.5 * (np.log(likeness) + np.log1p(-likeness)) + np.zeros_like(a)
    for count in np.flatnonzero(counts):
        logs = logs + counts[count] * (rising(a, int(count)) + rising(b, replies - int(count)) - rising(a + b, replies))
    return Beliefs(mean, logs, a, b)


def rising(start: Array, count: int) -> Array:
    """log start (start + 1) ... (start + count - 1)"""
    total = np.zeros_like(start)
    for step in range(count):
        total = total + np.log(start + step)
    return total


def narrowed(rough: Beliefs) -> tuple[Array, Array]:
    """The same many grid points where they count, so that a thousand problems are as well resolved as five."""
    weights = rough.log_likelihood + np.minimum(leaning(rough.mean, LEAN), leaning(rough.mean, LEAN[::-1]))
    there = weights > weights.max() - DEEP
    return tuple(  # type: ignore[return-value]
        refined(grid, there.any(axis=axis)) for axis, grid in enumerate((MEANS, LIKENESSES))
    )


def refined(grid: Array, there: NDArray[np.bool_]) -> Array:
    places = np.flatnonzero(there)
    return np.linspace(grid[max(0, places[0] - 1)], grid[min(len(grid) - 1, places[-1] + 1)], len(grid))


def leaning(mean: Array, exponents: tuple[float, float]) -> Array:
    """The logarithm of the prior, on a grid of logits."""
    return exponents[0] * np.log(mean) + exponents[1] * np.log1p(-mean)


def failed(found: Beliefs, k: int) -> Array:
    """E (1 - p)^k of a beta."""
    return np.exp(rising(found.b, k) - rising(found.a + found.b, k))


def quantile(values: Array, log_weights: Array, share: float) -> float:
    """Of a distribution that is known at points."""
    order = np.argsort(values, axis=None)
    weights = np.exp(log_weights - log_weights.max()).ravel()[order]
    below = np.cumsum(weights)
    return float(np.interp(share, (below - weights / 2) / below[-1], values.ravel()[order]))
