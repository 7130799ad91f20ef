"""How the time grows with N: three laws, fitted to every run and compared by AIC.

    a N + b      a N^beta      a log2 N            the median of T at N

T varies by a factor: its logarithm has normal errors, or those of waiting for luck (Weibull, of which the geometric
time to a first hit is one), whichever has the lower AIC. What is known of a run is an interval: it happened between
two measurements, or not until the run ended. So neither the size of a group nor a slow run that was cut short bends a
law; the logarithm of a first hit rounded up to groups of four would make N^1 look like N^0.92.

In (level / sigma, slope / sigma, 1 / sigma) the likelihood is concave (Olsen), so Newton's steps find its top, for all
bootstrap weightings at once. AIC = 2 (parameters, sigma among them) - 2 log likelihood: the lowest has lost least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from straw.report.study.gathered import Array
from straw.report.study.likely import FAMILIES, Between, Line, likeliest
from straw.report.study.resample import Interval, interval_of, weights_of
from straw.report.study.times import Times

LINEAR, POWER, LOG = "a N + b", "a N^β", "a log2 N"
SHORTEST = 0.5  # of an episode: a time of zero has no logarithm
EXACT = 1e-3  # what a time is known to at best, in its logarithm
DRAWS, FEWEST = 400, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One law. Example: Fit(law="a N^β", a=2.1, b=1.02, sigma=0.9, aic=310.2)"""

    law: str
    a: float
    b: float  # of a N + b, or the exponent; 0 for a log2 N
    sigma: float
    aic: float

    def at(self, N: float) -> float:
        if self.law == LINEAR:
            return self.a * N + self.b
        return self.a * (N**self.b if self.law == POWER else log(N, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How a series grows. `fits` with the lowest AIC first; `errors` is the family that they share."""

    fits: Sequence[Fit]
    errors: str
    exponent: Interval | None
    per_bit: Interval | None  # of a log2 N
    sizes: Sequence[int]
    secrets: Sequence[int]  # at each size
    num_runs: int
    num_censored: int

    def fit(self, law: str) -> Fit:
        return next(fit for fit in self.fits if fit.law == law)

    def behind(self, law: str) -> float:
        """How much AIC the law is behind the best one."""
        return self.fit(law).aic - self.fits[0].aic

    @property
    def beta(self) -> float:
        return self.fit(POWER).b


@dataclass(frozen=True, slots=True)
class Points:
    """All runs of a series in logarithms; `weights` are drawn among the runs of each N."""

    log_N: Array
    log_T: Between
    weights: Array


def scaling_of(sizes: Sequence[int], times: Sequence[Times]) -> Scaling | None:
    """None where it happened at fewer than two sizes."""
    there = [(N, one) for N, one in zip(sizes, times, strict=True) if len(one.runs) and N > 1]
    if sum(one.num_happened > 0 for _, one in there) < 2:
        return None
    points = points_of(there)
    errors, fits = min(((name, fits_of(points, name)) for name in FAMILIES), key=lambda found: found[1][0].aic)
    secrets = [len({run.secret for run in one.runs}) for _, one in there]
    enough = all(
        max(len({run.secret for run in one.runs}), len({run.seed for run in one.runs})) >= FEWEST for _, one in there
    )
    log_law = points.log_T.less(log_log(points))
    return Scaling(
        fits=fits,
        errors=errors,
        exponent=interval_of(exponents_of(points, errors)) if enough else None,
        per_bit=interval_of(in_episodes(drawn(points, log_law, None, errors).level)) if enough else None,
        sizes=[N for N, _ in there],
        secrets=secrets,
        num_runs=len(points.log_N),
        num_censored=int((~points.log_T.happened).sum()),
    )


def exponents_of(points: Points, errors: str) -> Array:
    """Of every draw. Where it happened at one size alone, longer times at the others fit as well as any."""
    sizes, happened = np.unique(points.log_N), points.log_T.happened
    reached = np.stack([points.weights @ (happened & (points.log_N == size)) > 0 for size in sizes], axis=1)
    alone = {0: np.inf, len(sizes) - 1: -np.inf}
    ends = np.array([alone.get(place, np.nan) for place in range(len(sizes))])[reached.argmax(axis=1)]
    count = reached.sum(axis=1)
    slopes = drawn(points, points.log_T, points.log_N, errors).slope
    return np.where(count > 1, slopes, np.where(count == 1, ends, np.nan))


def in_episodes(logarithms: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(logarithms)


def points_of(there: Sequence[tuple[int, Times]]) -> Points:
    upper = np.log(np.maximum(np.concatenate([one.episodes for _, one in there]), SHORTEST))
    lower = np.log(np.maximum(np.concatenate([one.before for _, one in there]), SHORTEST / 2))
    happened = np.concatenate([one.happened for _, one in there])
    return Points(
        log_N=np.concatenate([np.full(len(one.runs), log(N)) for N, one in there]),
        log_T=Between(np.where(happened, np.minimum(lower, upper - EXACT), upper), upper, happened),
        weights=np.concatenate([weights_of(one.runs, DRAWS) for _, one in there], axis=1),
    )


# --- the laws ------------------------------------------------------------------------------------


def fits_of(points: Points, errors: str) -> list[Fit]:
    fits = [linear_fit(points, errors), power_fit(points, errors), log_fit(points, errors)]
    return sorted(fits, key=lambda fit: fit.aic)


def power_fit(points: Points, errors: str) -> Fit:
    line = likeliest(points.log_T, points.log_N, once(points), errors)
    return fit_of(POWER, line, exp(line.level[0]), float(line.slope[0]), 3)


def log_fit(points: Points, errors: str) -> Fit:
    line = likeliest(points.log_T.less(log_log(points)), None, once(points), errors)
    return fit_of(LOG, line, exp(line.level[0]), 0.0, 2)


def linear_fit(points: Points, errors: str) -> Fit:
    """log (N + b / a) is known once b / a is, which may be anything above -N."""
    from scipy.optimize import minimize_scalar

    N = np.exp(points.log_N)

    def ratio(place: float) -> float:
        return float(N.max() * np.sinh(place) if place > 0 else N.min() * (np.exp(place) - 1))

    def line_at(place: float) -> Line:
        return likeliest(points.log_T.less(np.log(N + ratio(place))), None, once(points), errors)

    best = minimize_scalar(lambda place: -line_at(place).likelihood[0], bounds=(-6.0, 6.0), method="bounded").x
    line = line_at(best)
    return fit_of(LINEAR, line, exp(line.level[0]), exp(line.level[0]) * ratio(best), 3)


def drawn(points: Points, y: Between, x: Array | None, errors: str) -> Line:
    """One line for every weighting, looked for near that of all runs."""
    near = likeliest(y, x, once(points), errors).at[0]
    return likeliest(y, x, points.weights, errors, near)


def fit_of(law: str, line: Line, a: float, b: float, parameters: int) -> Fit:
    return Fit(law=law, a=a, b=b, sigma=float(line.sigma[0]), aic=2 * parameters - 2 * float(line.likelihood[0]))


def once(points: Points) -> Array:
    return np.ones((1, len(points.log_N)))


def log_log(points: Points) -> Array:
    return np.log(points.log_N / log(2))
