"""With which power of N the time grows, whatever the law of its luck is.

    T / N^beta      if beta is right, these are alike at every N: they scatter by chance, in whatever way
    exponent        the beta at which larger N have neither earlier nor later ones
    interval        all beta of which that cannot be ruled out at 5%

Earlier or later is told by Prentice's scores, which are ranks where every run got there, and take one that did not as
longer than it was watched; their sum is judged by all ways to deal them to the runs. So no error law is assumed, runs
that never get there bend nothing, and the interval holds from three runs a size on. A time counts from the middle of
its last gap between two measurements: rounded up to groups of four, N^1 would look like N^0.92.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

import numpy as np

from straw.report.study.load_runs import Array
from straw.report.study.statistics.intervals import Interval

SHORTEST = 0.5  # of an episode: a time of zero has no logarithm
STEEPEST, HALVINGS = 16.0, 30
SURE = 1.959964  # standard deviations that hold 95%


class Grown(NamedTuple):
    """All runs of a series: logarithms of N and of the time, and which of them are independent."""

    log_N: Array
    log_T: Array
    happened: np.ndarray
    unit: np.ndarray


def exponent_of(runs: Grown) -> tuple[float, Interval | None]:
    """None where the runs rule nothing out."""
    low, middle, high = (crossing(lambda beta: lateness(beta, runs) - level) for level in (SURE, 0.0, -SURE))  # noqa: B023
    return middle, Interval(low, high) if low > -inf or high < inf else None


def crossing(falling: Callable[[float], float]) -> float:
    low, high = -STEEPEST, STEEPEST
    if falling(low) < 0:
        return -inf
    if falling(high) > 0:
        return inf
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def chance_of_exponent(beta: float, runs: Grown) -> float:
    """The p of growing with this power."""
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(lateness(beta, runs))))


def lateness(beta: float, runs: Grown) -> float:
    """By how many standard deviations larger N are later than N^beta; it falls as beta grows."""
    single = prentice(runs.log_T - beta * runs.log_N, runs.happened)
    scores = np.asarray(np.bincount(runs.unit, weights=single.mean() - single), dtype=float)
    sizes = np.bincount(runs.unit, weights=runs.log_N) / np.bincount(runs.unit)
    aside = sizes - sizes.mean()
    spread = (scores**2).sum() * (aside**2).sum() / (len(scores) - 1)
    return float(aside @ scores / np.sqrt(spread)) if spread > 0 else 0.0


def prentice(times: Array, happened: np.ndarray) -> Array:
    """From near 1 for the earliest to -1: twice the share that is left behind it, less 1; or that share less 1 for one
    that had not happened. Equal times share the mean of their scores.
    """
    order = np.lexsort((~happened, times))
    left = np.cumprod(1 - happened[order] / np.arange(len(times) + 1, 1, -1))
    scores = np.where(happened[order], 2 * left, left) - 1
    new = np.ones(len(times), dtype=bool)
    new[1:] = (np.diff(times[order]) > 0) | (np.diff(happened[order].astype(int)) != 0)
    place = np.cumsum(new) - 1
    shared = (np.bincount(place, weights=scores) / np.bincount(place))[place]
    return np.asarray(shared[np.argsort(order, kind="stable")])
