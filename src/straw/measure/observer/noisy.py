"""The observer of a binary reward that is flipped with probability e: drawn, since no closed form is known.

    log-odds of a guess move by log ((1 - e) / e) with every reward, up when it was paid and down when not
    bits = log2 N + log2 P(S)        a guess is drawn from the posterior, G of them before rewards come back

With noise nothing is known for sure, so there is a first time at 0.9 of the bits, and no last one.
"""

from __future__ import annotations

import math

import numpy as np

from straw.measure.ledger.reward_classes import Array
from straw.measure.observer.learning_curve import Pace, median_of

LONGEST = 32  # times N: the most episodes


def noisy_pace(N: int, e: float, *, group: int, runs: int = 400, seed: int = 0) -> Pace:
    means, errors, near_at = noisy_runs(N, e, group=group, runs=runs, seed=seed)
    return Pace.of(means, errors, runs=runs, to_know=None, to_nine_tenths=median_of(near_at.tolist()))


def noisy_runs(N: int, e: float, *, group: int, runs: int, seed: int = 0) -> tuple[list[float], list[float], Array]:
    """Thompson's rule in groups: bits in the mean, their errors, and when each run had 0.9 of the bits.

    A run is over there, so the curve is that of first times from there.
    """
    chance = np.random.default_rng([seed, N, group])
    secrets, nats = (np.arange(runs) * N // runs + chance.integers(N)) % N, np.zeros((runs, N))
    near_at, bits = np.full(runs, math.inf), np.zeros(runs)
    means, errors, going = [0.0], [0.0], np.arange(runs)
    while len(going) and len(means) <= LONGEST * N:
        guesses = drawn(nats[going], group, chance)
        for guess in guesses.T:
            paid = (guess == secrets[going]) != (chance.random(len(going)) < e)
            nats[going, guess] += np.where(paid, 1, -1) * math.log((1 - e) / e)
            bits[going] = bits_of(nats[going], secrets[going])
            near = going[bits[going] >= 0.9 * math.log2(N)]
            near_at[near] = np.minimum(near_at[near], len(means))
            means.append(float(bits.mean()))
            errors.append(float(bits.std() / math.sqrt(runs)))
        going = going[near_at[going] == math.inf]
    return means, errors, near_at


def drawn(nats: Array, count: int, chance: np.random.Generator) -> Array:
    """`count` guesses a row, each as likely as its share."""
    shares = np.exp(nats - nats.max(axis=1, keepdims=True)).cumsum(axis=1)
    at = chance.random((len(nats), count)) * shares[:, -1:]
    return np.array([np.searchsorted(row, one, side="right") for row, one in zip(shares, at, strict=True)])


def bits_of(nats: Array, secrets: Array) -> Array:
    top = nats.max(axis=1)
    total = top + np.log(np.exp(nats - top[:, None]).sum(axis=1))
    return np.log2(nats.shape[1]) + (nats[np.arange(len(nats)), secrets] - total) / math.log(2)
