"""The likeliest line through numbers of which only intervals are known, for many weightings at once.

    y = level + slope x + sigma z          z normal, or as the logarithm of a waiting time

With t = 1 / sigma, z = t y - c - d x is linear in (c, d, t), and the logarithm of the probability of an interval of z
is concave for both kinds of z. So Newton's method finds its only top, from anywhere, with steps that are halved as long
as they lead down. The level is that of the median.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from straw.report.study.load_runs import Array

ROUNDS, HALVINGS, CLOSE = 60, 12, 1e-7
SHARPEST = 100.0  # of t: points on a line exactly would have no end
FARTHEST = 30.0  # of z: exp of more is too much


class Family(NamedTuple):
    """Of z: the logarithms of P(> z) and of the density, the density's slope over itself, and the median."""

    log_above: Callable[[Array], Array]
    log_density: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    median: float


def _normal_above(z: Array) -> Array:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(-z))


FAMILIES = {
    "log-normal": Family(_normal_above, lambda z: -0.5 * z**2 - 0.5 * log(2 * np.pi), lambda z: -z, 0.0),
    "Weibull": Family(lambda z: -np.exp(z), lambda z: z - np.exp(z), lambda z: 1 - np.exp(z), log(log(2))),
}


@dataclass(frozen=True, slots=True)
class Between:
    """What is known of each number: it lies between `lower` and `upper`, or, if it has not happened, above `lower`."""

    lower: Array
    upper: Array
    happened: np.ndarray

    def less(self, offset: Array) -> Between:
        return Between(self.lower - offset, self.upper - offset, self.happened)


class Line(NamedTuple):
    """One entry for each weighting."""

    level: Array
    slope: Array
    sigma: Array
    likelihood: Array
    at: Array  # (c, d, t)


def likeliest(y: Between, x: Array | None, weights: Array, errors: str, near: Array | None = None) -> Line:
    """A slope of 0 where there is no x. `near`: where to begin."""
    family, top = FAMILIES[errors], None
    columns = [-np.ones_like(y.lower), *([] if x is None else [-x])]
    low, high = (np.stack([*columns, ends], axis=1) for ends in (y.lower, y.upper))
    at = np.tile(start(y, x) if near is None else near, (len(weights), 1))
    value, gradient, curve = around(at, low, high, y.happened, weights, family)
    for _ in range(ROUNDS):
        step = np.asarray(
            np.linalg.solve(curve - 1e-9 * np.eye(at.shape[1]), -gradient[..., None])[..., 0], dtype=float
        )
        at, top = climbed(at, step, value, low, high, y.happened, weights, family), value
        value, gradient, curve = around(at, low, high, y.happened, weights, family)
        if np.all(value - top < CLOSE):
            break
    t = at[:, -1]
    slope = at[:, 1] / t if x is not None else np.zeros_like(t)
    return Line((at[:, 0] + family.median) / t, slope, 1 / t, value, at)


def start(y: Between, x: Array | None) -> Array:
    """A flat line through the middle, with more spread than there is."""
    spread = max(float(y.upper.std()), 0.1)
    return np.array([y.upper.mean() / spread, *([] if x is None else [0.0]), 1 / spread])


def climbed(
    at: Array, step: Array, value: Array, low: Array, high: Array, happened: np.ndarray, weights: Array, family: Family
) -> Array:
    """As far along the step as it leads up, for each weighting by itself."""
    share = np.ones(len(at))
    for _ in range(HALVINGS):
        there = moved(at, share[:, None] * step)
        fell = ~(inside(there, low, high, happened, weights, family) >= value - CLOSE)
        if not fell.any():
            break
        share[fell] /= 2
    share[fell] = 0.0
    return moved(at, share[:, None] * step)


def moved(at: Array, step: Array) -> Array:
    there = at + step
    there[:, -1] = np.clip(there[:, -1], at[:, -1] / 4, SHARPEST)
    return there


def inside(at: Array, low: Array, high: Array, happened: np.ndarray, weights: Array, family: Family) -> Array:
    """The log likelihood of each weighting."""
    return (weights * log_mass(*ends(at, low, high), happened, family)).sum(axis=1)


def ends(at: Array, low: Array, high: Array) -> tuple[Array, Array]:
    return tuple(np.clip(at @ one.T, -FARTHEST, FARTHEST) for one in (low, high))  # type: ignore[return-value]


def log_mass(z_low: Array, z_high: Array, happened: np.ndarray, family: Family) -> Array:
    """log (P(> low) - P(> high)), or log P(> low)."""
    above_low, above_high = family.log_above(z_low), family.log_above(z_high)
    share = np.minimum(above_high - above_low, -1e-12)
    return np.where(happened, above_low + np.log(-np.expm1(share)), above_low)


def around(
    at: Array, low: Array, high: Array, happened: np.ndarray, weights: Array, family: Family
) -> tuple[Array, Array, Array]:
    """Log likelihood, its gradient and its curvature, for each weighting."""
    z_low, z_high = ends(at, low, high)
    mass = log_mass(z_low, z_high, happened, family)
    from_low = np.exp(family.log_density(z_low) - mass)
    from_high = np.where(happened, np.exp(family.log_density(z_high) - mass), 0.0)
    gradient = (weights * -from_low) @ low + (weights * from_high) @ high
    bend_low = weights * (-family.slope(z_low) * from_low - from_low**2)
    bend_high = weights * (family.slope(z_high) * from_high - from_high**2)
    cross = weights * from_low * from_high
    curve = outer(bend_low, low, low) + outer(bend_high, high, high) + outer(cross, low, high) + outer(cross, high, low)
    return (weights * mass).sum(axis=1), gradient, curve


def outer(weights: Array, left: Array, right: Array) -> Array:
    """The sum over points of weight times left times right, as a matrix for each weighting."""
    products = left[:, :, None] * right[:, None, :]
    size = left.shape[1]
    return (weights @ products.reshape(len(left), size * size)).reshape(-1, size, size)
