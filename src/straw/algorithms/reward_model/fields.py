"""Which reply would earn full reward? A guess from the log of a run, without knowing what a reward means.

    reward(reply) = mean + sum of w[length, prefix] + sum of w[place, token]           w ~ N(0, scale v)

Replies of one length that begin alike are paid alike, as far as the log says so. How much of the variance prefixes
have, and how it falls with their length, is weighed by the evidence; the scale is left open, so that what is
predicted has Student's distribution. Turns that are paid by themselves have sums of their own. By Bayes' rule

    share(reply)  ~  prior(reply)  p(full reward | reply, log)

where the prior is what the policy gave to it at the start. A reply that was paid less is out, for it was tried. One
that was paid in full is the answer. As long as everything was paid alike there is nothing to go by but that.

All that it knows of replies is how they are spelled. Where numbers that are near each other begin alike, as in digits,
that goes far; where each is one token, or their digits are exchanged, a reward says nothing of any other reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import lgamma, log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Turns = tuple[tuple[int, ...], ...]  # the tokens of a reply, turn by turn
Paid = tuple[float, ...]  # one for each turn, or one for them all

PREFIXES = (0.02, 0.5, 0.98)  # shares of the variance
FALLS = (0.5, 1.0, 2.0)  # the variance of a longer prefix, against one that is a token shorter
LEAST = 1e-6  # of a variance
JITTER = 1e-4  # of the variance: what a reward may be off without being noisy


@dataclass(frozen=True, slots=True)
class Shape:
    """What the variance consists of; all of it adds up to 1 for a reply of full length."""

    prefixes: float
    fall: float

    def variances(self, depth: int) -> tuple[Array, float]:
        """Of each prefix by its length, and of each place."""
        falls = self.fall ** np.arange(depth)
        return self.prefixes * falls / falls.sum(), (1 - self.prefixes) / depth

    def kernel(self, a: Features, b: Features) -> Array:
        by_depth, by_place = self.variances(a.prefixes.shape[1])
        return np.asarray(alike(a.prefixes, b.prefixes) @ by_depth + by_place * alike(a.tokens, b.tokens).sum(axis=2))

    def own(self, a: Features) -> Array:
        """The kernel of each with itself."""
        by_depth, by_place = self.variances(a.prefixes.shape[1])
        return np.asarray((a.prefixes > 0) @ by_depth + by_place * (a.tokens > 0).sum(axis=1))


SHAPES = [Shape(prefixes, fall) for prefixes in PREFIXES for fall in FALLS]


@dataclass(frozen=True, slots=True)
class Features:
    """[replies, depth] numbers of prefixes and of placed tokens, 0 behind the end of a reply."""

    prefixes: Array
    tokens: Array


def alike(a: Array, b: Array) -> Array:
    return (a[:, None, :] == b[None, :, :]) & (a[:, None, :] > 0)


@dataclass(slots=True)
class Numbering:
    """Equal prefixes have equal numbers."""

    depth: int
    seen: dict[object, int] = field(default_factory=dict)

    def of(self, replies: Sequence[Turns], turn: int) -> Features:
        """What the tokens of this turn are, behind the turns before it."""
        prefixes = np.zeros((len(replies), self.depth), np.int64)
        tokens = np.zeros((len(replies), self.depth), np.int64)
        for row, reply in enumerate(replies):
            before, said = reply[:turn], reply[turn] if turn < len(reply) else ()
            for place in range(len(said) + 1):
                prefixes[row, place] = self.number((before, len(said), said[:place]))
                if place < len(said):
                    tokens[row, place] = self.number((place, said[place]))
        return Features(prefixes, tokens)

    def number(self, what: object) -> int:
        return self.seen.setdefault(what, len(self.seen) + 1)


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one turn: what was said, what it was paid in the mean, and how often."""

    features: Features
    paid: Array
    counts: Array


@dataclass(frozen=True, slots=True)
class Fit:
    """A shape with the mean and the scale that suit the log best, and the log of its evidence."""

    shape: Shape
    mean: float
    scale: float
    freedom: int
    evidence: float


def full_shares(
    said: Sequence[Turns], paid: Sequence[Paid], replies: Sequence[Turns], prior: Array, full: float
) -> Array:
    """For each of the replies how likely it is the one that earns `full`; they add up to 1."""
    if len(paid[0]) == 1:
        said, replies = [joined(one) for one in said], [joined(one) for one in replies]
    totals: dict[Turns, list[float]] = {}
    for one, values in zip(said, paid, strict=True):
        totals.setdefault(one, []).append(sum(values))
    means = np.array([np.mean(totals[one]) if one in totals else np.nan for one in replies])
    noise = noise_of(list(totals.values()))
    if (best := means >= full - LEAST).any():
        chances = best.astype(float)
    elif len({sum(values) for values in paid}) == 1:
        chances = np.isnan(means).astype(float)
    else:
        nats = log_chances(said, paid, replies, full / len(paid[0]), noise)
        chances = np.exp(nats - nats.max())
    shares = prior * chances
    return np.asarray(shares / shares.sum()) if shares.sum() > 0 else np.asarray(prior / prior.sum())


def joined(reply: Turns) -> Turns:
    return (tuple(token for turn in reply for token in turn),)


def noise_of(totals: Sequence[Sequence[float]]) -> float:
    """How much equal replies were paid differently, as a share of all that pay varies; never none."""
    within = sum(float(np.var(values)) * len(values) for values in totals)
    freedom = sum(len(values) - 1 for values in totals)
    spread = float(np.var([value for values in totals for value in values]))
    return max(JITTER, within / freedom / spread) if freedom and spread else JITTER


def log_chances(
    said: Sequence[Turns], paid: Sequence[Paid], replies: Sequence[Turns], full: float, noise: float
) -> Array:
    """log p(full reward in every turn | reply, log), up to a constant."""
    numbering = Numbering(1 + max(len(turn) for reply in (*said, *replies) for turn in reply))
    num_turns = len(paid[0])
    turns = [heard(numbering, said, paid, turn) for turn in range(num_turns)]
    asked = [numbering.of(replies, turn) for turn in range(num_turns)]
    fits = [fitted(shape, turns, noise) for shape in SHAPES]
    found = []
    for fit in fits:
        nats = sum((predicted(fit, one, at, full, noise) for one, at in zip(turns, asked, strict=True)), np.zeros(1))
        found.append(fit.evidence + nats)
    return np.asarray(np.logaddexp.reduce(np.stack(found), axis=0))


def heard(numbering: Numbering, said: Sequence[Turns], paid: Sequence[Paid], turn: int) -> Heard:
    """Equal replies are one row, paid their mean."""
    rows: dict[Turns, list[float]] = {}
    for reply, values in zip(said, paid, strict=True):
        rows.setdefault(reply[: turn + 1], []).append(values[turn])
    means = np.array([sum(values) / len(values) for values in rows.values()])
    return Heard(numbering.of(list(rows), turn), means, np.array([len(values) for values in rows.values()], float))


def covariance(shape: Shape, turn: Heard, noise: float) -> Array:
    return shape.kernel(turn.features, turn.features) + np.diag(noise / turn.counts)


def fitted(shape: Shape, turns: Sequence[Heard], noise: float) -> Fit:
    """All turns share one mean and one scale."""
    pull, weight, volume, squares, count = 0.0, 0.0, 0.0, 0.0, 0
    for turn in turns:
        lower = np.linalg.cholesky(covariance(shape, turn, noise))
        paid, ones = np.linalg.solve(lower, np.stack([turn.paid, np.ones(len(turn.paid))], axis=1)).T
        pull, weight, squares = pull + float(ones @ paid), weight + float(ones @ ones), squares + float(paid @ paid)
        volume += 2 * float(np.log(np.diag(lower)).sum())
        count += len(turn.paid)
    freedom = max(count - 1, 1)
    mean = pull / weight
    scale = max((squares - pull * mean) / freedom, LEAST)
    return Fit(shape, mean, scale, freedom, -0.5 * (freedom * log(scale) + volume + log(weight)))


def predicted(fit: Fit, turn: Heard, asked: Features, full: float, noise: float) -> Array:
    """log p(full reward), Student's with as many degrees of freedom as the scale was found with."""
    lower = np.linalg.cholesky(covariance(fit.shape, turn, noise))
    pull = np.linalg.solve(lower, fit.shape.kernel(turn.features, asked))
    mean = fit.mean + pull.T @ np.linalg.solve(lower, turn.paid - fit.mean)
    own = fit.shape.own(asked) - (pull**2).sum(axis=0)
    variance = fit.scale * (np.maximum(own, 0.0) + noise)
    nu = fit.freedom
    constant = lgamma((nu + 1) / 2) - lgamma(nu / 2) - 0.5 * log(nu * pi)
    return np.asarray(constant - 0.5 * np.log(variance) - (nu + 1) / 2 * np.log1p((full - mean) ** 2 / (nu * variance)))
