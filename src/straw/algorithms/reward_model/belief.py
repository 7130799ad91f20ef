"""Which reply would earn full reward? A belief that grows with the log, and is weighed between three kinds of models.

    CENTRE   full - r(g) = b h(g, c) + residual     the farther from the right reply c, the less: `ranks`, and what a
                                                    centre leaves over by several kernels
    FIELD    r = mean + field                       replies that are alike are paid alike: `kernels`
    NOTHING  r = mean + noise of each reply         a reward says nothing of any other reply

    belief(c)  ~  prior(c)  [ mean over CENTREs  +  mean over FIELDs  +  NOTHING ]        nothing where c was tried

each the likelihood of the log if c were right, with flat priors on b and the mean and 1/s on the scale:

    CENTRE   |R|^-1/2 (v.v)^-1/2 G (pi (u.u - b^2 v.v))^-(n-1)/2             u = L^-1 q, v = L^-1 h, R = L L'
    FIELD    |K|^-1/2 (1.1)^-1/2 G (pi Q)^-(n-1)/2 Student(full | c, log)    G = gamma((n-1)/2), b = max(0, u.v / v.v)

All of it is sums over rows of L^-1, so a reply that is new costs a row, and nothing is fitted again (`factors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma, log, pi

import numpy as np

from straw.algorithms.reward_model.factors import Factors, Growing
from straw.algorithms.reward_model.fields import JITTER, LEAST
from straw.algorithms.reward_model.kernels import field_kernels, residual_kernels
from straw.algorithms.reward_model.likeness import Array, Replies
from straw.algorithms.reward_model.ranks import Ranks


class Belief:
    """`noise`: what equal replies are paid differently, as a share of all that pay varies."""

    def __init__(self, replies: Replies, full: float, noise: float = JITTER) -> None:
        self.replies, self.full, self.ranks = replies, full, Ranks(replies)
        fields, residuals = field_kernels(replies.num_layers), residual_kernels(replies.num_layers)
        self.fields, self.num_fields = fields, len(fields)
        # A residual's covariance is its kernel's, less of it, and more on the diagonal.
        self.base = np.array([*range(len(fields)), *(fields.index(kernel) for kernel, _ in residuals)])
        self.shared = np.array([*[1.0] * len(fields), *(1 - own for _, own in residuals)])
        self.diagonal = np.array([*[noise] * len(fields), *(own for _, own in residuals)])
        self.noise = noise
        self.own = np.stack([kernel.own(replies) for kernel in fields])
        self.factors = Factors(len(self.base))
        self.tried: list[int] = []
        self.rewards = np.zeros(0)
        self.kernels, self.far = Growing(len(fields), len(replies)), Growing(self.ranks.num_metrics, len(replies))
        self.field = FieldSums(len(fields), len(replies))
        self.centre = CentreSums(len(residuals), self.ranks.num_metrics, len(replies))

    def append(self, some: Sequence[int], paid: Sequence[float]) -> None:
        """Replies that were not tried before, and what each was paid."""
        new = np.asarray(some)
        alike = self.replies.likeness(new)
        rows = np.stack([kernel.rows(self.replies, new, alike) for kernel in self.fields])
        beside, among = self.kernels.rows[:, :, new], rows[:, :, new]
        scale = self.shared[:, None, None]
        own = self.diagonal[:, None, None] * np.eye(len(new))
        inverse = self.factors.grow(scale * beside[self.base], scale * among[self.base] + own)
        self.kernels.append(rows)
        self.far.append(self.ranks.rows(self.replies, new, alike))
        self.tried += [int(one) for one in some]
        self.rewards = np.append(self.rewards, paid)
        self.field.add(inverse[: self.num_fields], self.kernels.rows, self.rewards)
        self.centre.add(inverse[self.num_fields :], self.far.rows, self.full - self.rewards)

    def log_chances(self) -> Array:
        """log p(log | this reply earns full reward), of each.

        What was tried and paid less is out, but where equal replies are paid differently: there fields say how far.
        """
        count, volume = len(self.tried), self.factors.volume
        field = self.field.log_likelihood(count, volume[: self.num_fields], self.own, self.full, self.noise)
        centre = self.centre.log_likelihood(count, volume[self.num_fields :])
        kinds = [summed(centre) - log(len(centre)), summed(field[:-1]) - log(self.num_fields - 1), field[-1]]
        for kind in kinds if self.noise <= JITTER else kinds[:1]:
            kind[self.tried] = -np.inf
        return summed(np.stack(kinds))


class FieldSums:
    """Sums over rows of L^-1: of the log's rewards and ones, and of what the log says of each reply."""

    def __init__(self, number: int, count: int) -> None:
        self.squares, self.pull, self.weight = np.zeros((3, number))
        self.rewards, self.ones, self.known = np.zeros((3, number, count))

    def add(self, inverse: Array, kernels: Array, paid: Array) -> None:
        new, ones, said = inverse @ paid, inverse.sum(axis=2), inverse @ kernels
        self.squares += (new**2).sum(axis=1)
        self.pull += (new * ones).sum(axis=1)
        self.weight += (ones**2).sum(axis=1)
        self.rewards += np.einsum("fgc,fg->fc", said, new)
        self.ones += np.einsum("fgc,fg->fc", said, ones)
        self.known += np.einsum("fgc,fgc->fc", said, said)

    def log_likelihood(self, count: int, volume: Array, own: Array, full: float, noise: float) -> Array:
        """[kernels, replies]"""
        nu = max(count - 1, 1)
        mean = (self.pull / self.weight)[:, None]
        scale = np.maximum((self.squares - self.pull * mean[:, 0]) / nu, LEAST)
        evidence = -0.5 * (nu * np.log(pi * nu * scale) + volume + np.log(self.weight)) + lgamma(nu / 2)
        off = full - mean - self.rewards + mean * self.ones
        variance = scale[:, None] * (np.maximum(own - self.known, 0.0) + noise)
        student = lgamma((nu + 1) / 2) - lgamma(nu / 2) - 0.5 * np.log(nu * pi * variance)
        return np.asarray(evidence[:, None] + student - (nu + 1) / 2 * np.log1p(off**2 / (nu * variance)))


class CentreSums:
    """Sums over rows of L^-1: of what full reward is missed by, and of how far off each metric says it is."""

    def __init__(self, number: int, metrics: int, count: int) -> None:
        self.squares = np.zeros(number)
        self.both, self.far = np.zeros((2, number, metrics, count))

    def add(self, inverse: Array, far: Array, missed: Array) -> None:
        new, said = inverse @ missed, inverse[:, None] @ far[None]
        self.squares += (new**2).sum(axis=1)
        self.both += np.einsum("rmgc,rg->rmc", said, new)
        self.far += np.einsum("rmgc,rmgc->rmc", said, said)

    def log_likelihood(self, count: int, volume: Array) -> Array:
        """[residuals x metrics, replies]"""
        nu = max(count - 1, 1)
        far = np.maximum(self.far, LEAST)
        slope = np.maximum(self.both / far, 0.0)
        left = np.maximum(self.squares[:, None, None] - slope**2 * far, nu * LEAST)
        found = -0.5 * (volume[:, None, None] + np.log(far) + nu * np.log(pi * left)) + lgamma(nu / 2)
        return np.asarray(found.reshape(-1, found.shape[-1]))


def summed(nats: Array) -> Array:
    return np.asarray(np.logaddexp.reduce(nats, axis=0))
