"""Which runs another experiment might have had: weights for the bootstrap.

    every run has a secret and a seed of its own       runs are drawn
    secrets with several seeds, seeds with several     secrets and seeds are drawn apart, and a run counts as often
    secrets                                            as its secret times as its seed

A row of weights is one such experiment; a statistic that takes weights needs no loop. The generator starts from the
same number in every report, so that equal runs give equal intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from straw.report.study.gathered import Array, Seen

TIMES, SEED, FEWEST = 1000, 0, 3


class Interval(NamedTuple):
    """95%; inf where more than the upper bound could tell."""

    low: float
    high: float


def weights_of(runs: Sequence[Seen], times: int = TIMES) -> Array:
    """(times, runs): how often each run is there."""
    rng = np.random.default_rng(SEED)
    secrets, seeds = [run.secret for run in runs], [run.seed for run in runs]
    if len(set(zip(secrets, seeds, strict=True))) == len(set(secrets)):  # one seed a secret
        return drawn(rng, secrets, times)
    if len(set(secrets)) == 1:
        return drawn(rng, seeds, times)
    weights = drawn(rng, secrets, times)
    return weights * drawn(rng, seeds, times) if len(set(seeds)) < len(runs) else weights


def drawn(rng: np.random.Generator, units: Sequence[str], times: int) -> Array:
    """How often each one's unit is among as many draws as there are units."""
    names, place = np.unique(np.array(units), return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=times)
    return counts[:, place].astype(float)


def interval_of(values: Array) -> Interval | None:
    """The middle 95% of what came out; None where most draws had no answer."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) < max(1, len(values) / 2):
        return None
    low, high = np.quantile(known, [0.025, 0.975], method="inverted_cdf")
    return Interval(float(low), float(high))


def interval_from(runs: Sequence[Seen], statistic: Callable[[Array], Array]) -> Interval | None:
    """None below three secrets: from two nobody can tell how others would differ."""
    if max(len({run.secret for run in runs}), len({run.seed for run in runs})) < FEWEST:
        return None
    return interval_of(statistic(weights_of(runs)))
