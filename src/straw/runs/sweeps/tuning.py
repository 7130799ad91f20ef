"""The learning rate of a condition: the one with which its runs learn soonest, on secrets that are not judged.

    rate     episodes to 0.9 of the bits      median    bits at the end
    0.0003   400  600  never                  600       9.8
    0.001    never  never  200                never     3.1

The smallest median is chosen; a run that never got there, or failed, counts as worse than any that did. Of equals
the one that knows more bits at the end is chosen, and of those the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import NamedTuple

NEVER = inf


class Trial(NamedTuple):
    """How one run ended. Example: Trial(rate=1e-3, episodes=400, bits=5.9)"""

    rate: float
    episodes: float  # until 0.9 of the bits were known, or NEVER
    bits: float  # at the end; -inf when it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the trials of one rate came to."""

    rate: float
    episodes: float
    bits: float
    num_trials: int
    num_reached: int

    @property
    def has_failed(self) -> bool:
        return self.bits == -inf


def rows_of(trials: Iterable[Trial]) -> list[Row]:
    """One row a rate, in the order in which they were tried."""
    by_rate: dict[float, list[Trial]] = {}
    for trial in trials:
        by_rate.setdefault(trial.rate, []).append(trial)
    return [
        Row(
            rate=rate,
            episodes=median(trial.episodes for trial in tried),
            bits=median(trial.bits for trial in tried),
            num_trials=len(tried),
            num_reached=sum(trial.episodes < NEVER for trial in tried),
        )
        for rate, tried in by_rate.items()
    ]


def is_at_edge(rows: Sequence[Row], rate: float) -> bool:
    """Whether a better one may lie beyond those that were tried."""
    rates = sorted(row.rate for row in rows)
    return len(rates) > 1 and rate in (rates[0], rates[-1])


def best_rate(rows: Sequence[Row]) -> float | None:
    """None when most trials of every rate failed."""
    able = [row for row in rows if not row.has_failed]
    return min(able, key=lambda row: (row.episodes, -row.bits)).rate if able else None
