"""Novelty as the volume that a reply adds to what was seen: the elliptical bonus.

    bonus = phi^T (lambda I + sum of phi phi^T)^-1 phi        phi = P v, P a random projection from a seed

log(1 + bonus) is what phi adds to the log-determinant of the matrix. At first every direction pays |phi|^2 / lambda; a
direction that was seen n times pays about 1 / n. The inverse is kept by rank-one updates, so a reply costs D^2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays, Raw, Trace


class Elliptical:
    """The published baseline that a memory of neighbours has to beat."""

    names: tuple[str, ...] = ("elliptical",)

    def __init__(self, width: int, dimensions: int, ridge: float, seed: int) -> None:
        drawn = np.random.default_rng(seed).standard_normal((dimensions, width)) / np.sqrt(dimensions)
        self.projection = torch.from_numpy(drawn)
        self.inverse = torch.eye(dimensions, dtype=torch.float64) / ridge
        self.num_seen = 0

    def raw(self, traces: Sequence[Trace]) -> Raw:
        return {"elliptical": [self.bonus(self.features(trace)) for trace in traces]}

    def features(self, trace: Trace) -> Tensor:
        return self.projection @ trace.vectors.mean(0).double()

    def bonus(self, phi: Tensor) -> float:
        return float(phi @ self.inverse @ phi)

    def write(self, traces: Sequence[Trace]) -> None:
        for trace in traces:
            along = self.inverse @ self.features(trace)
            self.inverse -= torch.outer(along, along) / (1 + self.features(trace) @ along)
            self.num_seen += 1

    def counts(self) -> dict[str, int]:
        return {"memory/values": self.num_seen}

    def arrays(self) -> Arrays:
        return {"inverse": self.inverse.clone(), "num_seen": torch.tensor([self.num_seen])}

    def load(self, arrays: Arrays) -> None:
        self.inverse, self.num_seen = arrays["inverse"].clone(), int(arrays["num_seen"])
