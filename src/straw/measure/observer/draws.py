"""Observers that draw their guesses, over many secrets at once: Thompson, Thompson in groups, uniform.

Each run has a secret and the list of what still fits, padded to the longest list of all. Runs that know their secret,
or that no guess of theirs can move any more, leave; what they know stays in the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from straw.measure.ledger.reward_classes import Array
from straw.measure.observer.learning_curve import Pace, median_of

PATIENCE = 64  # episodes without news, before it is asked whether there can be any
LONGEST = 32  # times N: the most episodes


@dataclass(slots=True)
class Runs:
    """Those that are still at it. `fits[run, :sizes[run]]` are the secrets that fit, in ascending order."""

    place: Array  # among all runs
    secrets: Array
    fits: Array
    sizes: Array
    moved_at: Array

    def observe(self, codes: Array, guesses: Array, episode: int) -> None:
        alike = codes[guesses[:, None], self.fits] == codes[guesses, self.secrets][:, None]
        alike &= np.arange(self.fits.shape[1]) < self.sizes[:, None]
        sizes = alike.sum(axis=1)
        news = np.flatnonzero(sizes < self.sizes)
        if not len(news):
            return
        rows, columns = np.nonzero(alike[news])
        starts = np.cumsum(sizes[news]) - sizes[news]
        self.fits[news[rows], np.arange(len(rows)) - starts[rows]] = self.fits[news[rows], columns]
        self.sizes = sizes
        self.moved_at[news] = episode

    def keep(self, which: Array) -> None:
        for name in ("place", "secrets", "fits", "sizes", "moved_at"):
            setattr(self, name, getattr(self, name)[which])
        self.fits = self.fits[:, : self.sizes.max(initial=1)].copy()


@dataclass(frozen=True, slots=True)
class Drawn:
    """Bits in the mean behind every episode, with errors; and when each run knew all, and 0.9 of the bits."""

    means: list[float]
    errors: list[float]
    known_at: Array
    near_at: Array


def draw_pace(codes: Array, *, group: int | None, runs: int, seed: int) -> Pace:
    found = drawn_runs(codes, group=group, runs=runs, seed=seed)
    known_at = found.known_at
    all_known = bool(np.isfinite(known_at).all())
    return Pace.of(
        found.means, found.errors, runs=runs, to_know=float(known_at.mean()) if all_known else None,
        to_know_error=float(known_at.std() / math.sqrt(runs)) if all_known else None,
        to_nine_tenths=median_of(found.near_at.tolist()),
    )  # fmt: skip


def drawn_runs(codes: Array, *, group: int | None, runs: int, seed: int) -> Drawn:
    """`group`: guesses that fit, drawn before rewards come back; None: any guess."""
    N = codes.shape[1]
    chance = np.random.default_rng([seed, N, group or 0])
    going = started(N, runs, chance)
    bits = np.zeros(runs)
    known_at, near_at = np.full(runs, math.inf), np.full(runs, math.inf)
    means, errors = [0.0], [0.0]
    pool, room = going.fits, going.sizes
    for episode in range(1, LONGEST * N + 1):
        if group and (episode - 1) % group == 0:
            pool, room = going.fits.copy() if group > 1 else going.fits, going.sizes.copy()
        draws = chance.random(len(going.place))
        if group:
            guesses = pool[np.arange(len(draws)), (draws * room).astype(np.int64)].astype(np.int64)
        else:
            guesses = (draws * len(codes)).astype(np.int64)
        going.observe(codes, guesses, episode)
        bits[going.place] = np.log2(N / going.sizes)
        near = going.place[bits[going.place] >= 0.9 * math.log2(N) - 1e-9]
        near_at[near] = np.minimum(near_at[near], episode)
        known_at[going.place[going.sizes == 1]] = episode
        means.append(float(bits.mean()))
        errors.append(float(bits.std() / math.sqrt(runs)))
        open_ = going.sizes > 1
        if episode % PATIENCE == 0:
            open_ &= ~stuck(codes, going, episode, only_fitting=group is not None)
        if not open_.all():
            going.keep(open_)
            if group:
                pool, room = pool[open_], room[open_]
        if not open_.any():
            break
    return Drawn(means, errors, known_at, near_at)


def started(N: int, runs: int, chance: np.random.Generator) -> Runs:
    """Secrets spread evenly, from a random place on."""
    secrets = (np.arange(runs) * N // runs + chance.integers(N)) % N
    fits = np.broadcast_to(np.arange(N, dtype=np.uint16), (runs, N)).copy()
    return Runs(np.arange(runs), secrets, fits, np.full(runs, N), np.zeros(runs, np.int64))


def stuck(codes: Array, going: Runs, episode: int, *, only_fitting: bool) -> Array:
    """Runs that no guess of theirs will move."""
    found = np.zeros(len(going.place), bool)
    for run in np.flatnonzero(episode - going.moved_at >= PATIENCE):
        fits = going.fits[run, : going.sizes[run]]
        rows = codes[fits[:, None], fits] if only_fitting else codes[:, fits]
        found[run] = bool((rows == rows[:, :1]).all())
    return found
