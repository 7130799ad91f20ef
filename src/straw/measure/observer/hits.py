"""The observer of a channel that pays for the secret alone: exact, whoever guesses.

Before the hit only the number d of different guesses counts: log2 (N / (N - d)) bits, and log2 N with the hit, or
when one secret is left. With m answers to draw from, d of them tried since then, the next guess

    hits            1 / m            repeats a miss   d / m            is a new miss   (m - 1 - d) / m

and m falls to what is left when the rewards of a group come back: after every guess (Thompson; greedy is the same),
after G, or never (uniform). So the chances of every d are carried from episode to episode.
"""

from __future__ import annotations

import numpy as np

from straw.measure.ledger.reward_classes import Array
from straw.measure.observer.learning_curve import Pace

NEVER = 1e-10  # of the secrets are still unknown


def hits_pace(N: int, group: int | None) -> Pace:
    """`group`: guesses before rewards come back; None: they never do."""
    known = np.log2(N / np.arange(N, 0.0, -1.0))  # by d
    chances = np.zeros((group or 1, N))  # by misses since the rewards came back (uniform: all alike), by d
    chances[0, 0] = 1.0
    bits, unknown, low = [0.0], [1.0], [1.0]
    nine_tenths = 0.9 * np.log2(N)
    while unknown[-1] > NEVER:
        chances = advanced(chances, N) if group else advanced_any(chances, N)
        if group and len(bits) % group == 0:
            chances = gathered(chances)
        left = chances.sum(axis=0)
        hit = 1.0 - left.sum()
        bits.append(float(left @ known + hit * known[-1]))
        unknown.append(float(left[:-1].sum()))
        low.append(float(left[known < nine_tenths - 1e-12].sum()))
    return Pace.of(bits, to_know=float(np.sum(unknown)), to_nine_tenths=median_episode(low))


def advanced(chances: Array, N: int) -> Array:
    """One more guess; row i has i different misses since the rewards came back, column d has d of them in all."""
    misses, tried = np.indices(chances.shape)
    pool = np.maximum(N - tried + misses, 1)  # what is drawn from
    after = chances * misses / pool
    new = chances * np.maximum(pool - 1 - misses, 0) / pool
    after[1:, 1:] += new[:-1, :-1]
    if len(chances) == 1:
        after[0, 1:] += new[0, :-1]
    else:
        after[-1, 1:] += new[-1, :-1]  # the last guess of a group, gathered at once
    return after


def gathered(chances: Array) -> Array:
    together = np.zeros_like(chances)
    together[0] = chances.sum(axis=0)
    return together


def advanced_any(chances: Array, N: int) -> Array:
    tried = np.arange(N)
    after = chances * tried / N
    after[:, 1:] += (chances * (N - 1 - tried) / N)[:, :-1]
    return after


def median_episode(low: list[float]) -> float:
    """Where the share that is not there yet falls to a half; between two episodes where it is exactly a half."""
    first = next(episode for episode, share in enumerate(low) if share <= 0.5 + 1e-12)
    return first + 0.5 if abs(low[first] - 0.5) < 1e-12 else float(first)
