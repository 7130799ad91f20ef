"""Where the median of all such runs may lie, told from a few of them.

    six runs or more    between two of them in order: the narrowest pair of ranks that holds the median in 95%
    below six           not even the smallest and the largest do: they are told as the range of these runs, no more

Whether a run lies below the median is a fair coin, whatever the times are like, so how many do is binomial and no
distribution is taken for granted. A time that is not over counts as long as it was watched for the low end, and as
endless for the high one. Equal times only make the interval hold more often.

    8 runs: from the 1st to the 7th, 96.1%     16: from the 4th to the 12th, 95.1%     128: from the 52nd to the 75th
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import ceil, comb, floor
from typing import NamedTuple

import numpy as np

from straw.report.study.load_runs import Array, Seen


class Interval(NamedTuple):
    """95%, or where `is_range` the smallest and the largest of the runs; inf where nobody watched long enough."""

    low: float
    high: float
    is_range: bool = False


@lru_cache
def ranks(count: int) -> tuple[int, int] | None:
    """Which of `count` in order, from 1; of equally narrow pairs the lower one. None where no pair is sure enough."""
    below = [0, *accumulate(comb(count, number) for number in range(count + 1))]  # ways for fewer than so many below
    enough = -(-19 * 2**count // 20)
    found, high = None, 1
    for low in range(1, count + 1):
        while high <= count and below[high] - below[low] < enough:
            high += 1
        if high > count:
            break
        if found is None or high - low < found[1] - found[0]:
            found = low, high
    return found


def interval_of(at_least: Array, at_most: Array, units: int) -> Interval | None:
    """Of the median of numbers that lie between these, among which `units` are independent; None of one number."""
    low, high = np.sort(at_least), np.sort(at_most)
    if len(low) < 2:
        return None
    if (pair := ranks(units)) is None:
        return Interval(float(low[0]), float(high[-1]), is_range=True)
    first, last = floor(len(low) * (pair[0] - 1) / units), ceil(len(low) * pair[1] / units) - 1
    return Interval(float(low[first]), float(high[last]))


def units_of(runs: Sequence[Seen]) -> int:
    """How many are independent."""
    return len(set(unit_names(runs)))


def unit_names(runs: Sequence[Seen]) -> list[str]:
    """Equal for runs that are not independent: those of one secret, or of one seed where seeds cross the secrets."""
    secrets, seeds = [run.secret for run in runs], [run.seed for run in runs]
    if len(set(secrets)) == len(runs):
        return secrets
    if len(set(secrets)) == 1:
        return seeds
    return secrets if len(set(seeds)) == len(runs) else min(secrets, seeds, key=lambda names: len(set(names)))


def range_of(values: Array) -> Interval | None:
    """The smallest and the largest, for a number that is no median."""
    return Interval(float(values.min()), float(values.max()), is_range=True) if len(values) > 1 else None
