"""How the time grows with N: three laws, fitted to every run and compared by AIC; and the exponent by itself.

    a N + b      a N^beta      a log2 N            the median of T at N

For the comparison T varies by a factor whose logarithm has normal errors, or those of waiting for luck (Weibull, of
which the geometric time to a first hit is one), whichever has the lower AIC. What is known of a run is an interval:
it happened between two measurements, or not until the run ended. In (level / sigma, slope / sigma, 1 / sigma) the
likelihood is concave (Olsen), so Newton's steps find its top. AIC = 2 (parameters, sigma among them) - 2 log
likelihood: the lowest has lost least.

An error law that was chosen by the same runs makes intervals too narrow, so those of the exponent and of the episodes
for each bit take none for granted: see `exponent` and `intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, factorial, log, prod

import numpy as np

from straw.report.study.load_runs import Array
from straw.report.study.statistics.censored_fit import FAMILIES, Between, Line, likeliest
from straw.report.study.statistics.exponent import SHORTEST, Grown, chance_of_exponent, exponent_of
from straw.report.study.statistics.intervals import Interval, interval_of, unit_names, units_of
from straw.report.study.statistics.survival import endless, km_median
from straw.report.study.statistics.times import Times

LINEAR, POWER, LOG = "a N + b", "a N^β", "a log2 N"
EXACT = 1e-3  # what a time is known to at best, in its logarithm
FEWEST, WAYS = 3, 40  # independent runs at each size, and ways to deal them to the sizes, for an interval of 95%


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
    runs: Grown
    beta: float  # the exponent, without any error law
    exponent: Interval | None
    bit: float  # episodes for each bit of N, where they are in proportion to its bits: the median
    per_bit: Interval | None
    sizes: Sequence[int]
    secrets: Sequence[int]  # at each size
    num_censored: int

    @property
    def num_runs(self) -> int:
        return len(self.runs.log_N)

    def fit(self, law: str) -> Fit:
        return next(fit for fit in self.fits if fit.law == law)

    def behind(self, law: str) -> float:
        """How much AIC the law is behind the best one."""
        return self.fit(law).aic - self.fits[0].aic

    def chance_of(self, beta: float) -> float | None:
        """The p that this is the exponent; None where too few runs could tell."""
        return None if self.exponent is None else chance_of_exponent(beta, self.runs)


def scaling_of(sizes: Sequence[int], times: Sequence[Times]) -> Scaling | None:
    """None where it happened at fewer than two sizes."""
    there = [(N, one) for N, one in zip(sizes, times, strict=True) if len(one.runs) and N > 1]
    if sum(one.num_happened > 0 for _, one in there) < 2:
        return None
    points, runs = points_of(there), grown_of(there)
    errors, fits = min(((name, fits_of(points, name)) for name in FAMILIES), key=lambda found: found[1][0].aic)
    beta, exponent = exponent_of(runs)
    at_least, at_most = (
        np.concatenate([ends(one) / log(N, 2) for N, one in there]) for ends in (lambda one: one.episodes, endless)
    )
    return Scaling(
        fits=fits,
        errors=errors,
        runs=runs,
        beta=beta,
        exponent=exponent if can_tell([units_of(one.runs) for _, one in there]) else None,
        bit=km_median(at_least, points.log_T.happened),
        per_bit=interval_of(at_least, at_most, len(set(runs.unit))),
        sizes=[N for N, _ in there],
        secrets=[len({run.secret for run in one.runs}) for _, one in there],
        num_censored=int((~points.log_T.happened).sum()),
    )


def can_tell(counts: Sequence[int]) -> bool:
    """Three runs at each of two sizes lie in 20 ways, of which no two are unlikely enough; four lie in 70."""
    return min(counts) >= FEWEST and factorial(sum(counts)) // prod(map(factorial, counts)) >= WAYS


@dataclass(frozen=True, slots=True)
class Points:
    """All runs of a series in logarithms."""

    log_N: Array
    log_T: Between


def points_of(there: Sequence[tuple[int, Times]]) -> Points:
    upper = np.log(np.maximum(np.concatenate([one.episodes for _, one in there]), SHORTEST))
    lower = np.log(np.maximum(np.concatenate([one.before for _, one in there]), SHORTEST / 2))
    happened = np.concatenate([one.happened for _, one in there])
    log_N = np.concatenate([np.full(len(one.runs), log(N)) for N, one in there])
    return Points(log_N, Between(np.where(happened, np.minimum(lower, upper - EXACT), upper), upper, happened))


def grown_of(there: Sequence[tuple[int, Times]]) -> Grown:
    """From the middle of the last gap; one that has not happened, from where watching ended."""
    middles = [np.where(one.happened, (one.before + one.episodes) / 2, one.episodes) for _, one in there]
    names = [(N, name) for N, one in there for name in unit_names(one.runs)]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return Grown(
        log_N=np.concatenate([np.full(len(one.runs), log(N)) for N, one in there]),
        log_T=np.log(np.maximum(np.concatenate(middles), SHORTEST)),
        happened=np.concatenate([one.happened for _, one in there]),
        unit=np.array([places[name] for name in names]),
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


def fit_of(law: str, line: Line, a: float, b: float, parameters: int) -> Fit:
    return Fit(law=law, a=a, b=b, sigma=float(line.sigma[0]), aic=2 * parameters - 2 * float(line.likelihood[0]))


def once(points: Points) -> Array:
    return np.ones((1, len(points.log_N)))


def log_log(points: Points) -> Array:
    return np.log(points.log_N / log(2))
