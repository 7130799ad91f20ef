"""How many lost runs are too many, where some are lost by bad luck: a count among fresh runs against one among golden.

    golden      x of n runs were lost
    fresh       m runs, and more than `most_lost` of them are too many

The natural rate is not known, only seen: its likely values are Beta(x + 1/2, n - x + 1/2), and the allowance is the
least that fresh runs of a sound learner exceed with a probability below 0.7% over all of them. Whatever the rate is,
golden and fresh runs of one kind are told apart in fewer than 0.8% of checks; a test works that out for many rates.

m is the least number, from nine on, that finds a change which ruins a quarter of the runs in nine checks of ten:

    P(Bin(m, p + (1 - p) / 4) > most_lost) >= 0.9     p = x / n          n = 96, x = 0: m = 15 and one may be lost
"""

from __future__ import annotations

from functools import cache
from math import comb, exp, lgamma

MOST_OFTEN = 0.007  # that a sound learner loses too many
RUINED, FOUND = 0.25, 0.9  # the share of runs that a change ruins, and how often a check has to find it
FEWEST, MOST = 9, 80  # fresh runs


@cache
def most_lost(golden: int, lost: int, fresh: int) -> int:
    """The most that may be lost of so many fresh runs."""
    return next(count for count, rare in enumerate(exceeded(golden, lost, fresh)) if rare < MOST_OFTEN)


def exceeded(golden: int, lost: int, fresh: int) -> list[float]:
    """How likely more than 0, 1, 2, ... fresh runs of the same kind are lost."""
    a, b = lost + 0.5, golden - lost + 0.5
    just = [
        comb(fresh, count) * exp(log_beta(a + count, b + fresh - count) - log_beta(a, b)) for count in range(fresh + 1)
    ]
    return [sum(just[count + 1 :]) for count in range(fresh + 1)]


def log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def beyond(runs: int, share: float, count: int) -> float:
    """P(Bin(runs, share) > count)"""
    return sum(comb(runs, more) * share**more * (1 - share) ** (runs - more) for more in range(count + 1, runs + 1))


def finds(golden: int, lost: int, fresh: int, ruined: float = RUINED) -> float:
    """How often a change that ruins this share of the runs, besides those that are lost by nature, loses too many."""
    natural = lost / golden
    return beyond(fresh, natural + (1 - natural) * ruined, most_lost(golden, lost, fresh))


def enough_fresh(golden: int, lost: int) -> int | None:
    """The fewest fresh runs that find it often enough; None where too few golden runs, or too many lost, forbid it."""
    return next((fresh for fresh in range(FEWEST, MOST + 1) if finds(golden, lost, fresh) >= FOUND), None)
