"""Kernels over replies: how much of what one is paid tells what another one is.

    prefix       sum over their common beginnings, of a variance that falls or grows with the length, and equal places
    suffix       the same from the end
    product      rho ^ (places at which they differ)
    layer        exp(-distance of hidden states / median distance)
    nothing      1 with itself, else 0: a reward that tells nothing of any other reply

Which of them suits a log is weighed by the evidence (`belief`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from straw.algorithms.reward_model.fields import FALLS, PREFIXES
from straw.algorithms.reward_model.likeness import Array, Likeness, Replies

RHOS = (0.1, 0.5, 0.9)
RESIDUALS = (("prefix", 0.5, 1.0), ("suffix", 0.5, 1.0), ("product", 0.5, 0.0))  # what a centre leaves over
OWN_SHARES = (0.1, 0.4)  # of a residual that no other reply shares


@dataclass(frozen=True, slots=True)
class Kernel:
    """Example: Kernel("prefix", 0.5, 2.0), Kernel("product", 0.9), Kernel("layer", 3), Kernel("nothing")."""

    kind: str
    share: float = 0.0  # of prefixes in the variance; or rho, or which layer
    fall: float = 1.0  # the variance of a longer prefix, against one that is a token shorter

    def rows(self, replies: Replies, some: Array, alike: Likeness) -> Array:
        """[some, all]"""
        if self.kind in ("prefix", "suffix"):
            begun = alike.prefix if self.kind == "prefix" else alike.suffix
            return self.summed(replies)[begun + 1] + (1 - self.share) / (replies.width + 1) * alike.equal
        if self.kind == "product":
            return np.asarray(self.share**alike.unlike)
        if self.kind == "layer":
            layer = int(self.share)
            return np.exp(-alike.distances[layer] / max(replies.scales[layer], 1e-12))
        return np.asarray(some[:, None] == np.arange(len(replies))[None, :], float)

    def own(self, replies: Replies) -> Array:
        """Of each reply with itself."""
        if self.kind in ("prefix", "suffix"):
            places = (1 - self.share) / (replies.width + 1) * replies.lengths
            return np.asarray(self.summed(replies)[replies.lengths + 1] + places)
        return np.ones(len(replies))

    def summed(self, replies: Replies) -> Array:
        """The variance of all beginnings up to a length, -1 first."""
        falls = self.fall ** np.arange(replies.width + 1)
        return np.concatenate([[0.0], np.cumsum(self.share * falls / falls.sum())])


NOTHING = Kernel("nothing")


def field_kernels(num_layers: int) -> list[Kernel]:
    """`nothing` last."""
    begun = [Kernel(kind, share, fall) for kind in ("prefix", "suffix") for share in PREFIXES for fall in FALLS]
    products = [Kernel("product", rho) for rho in RHOS]
    return [*begun, *products, *(Kernel("layer", layer) for layer in range(num_layers)), NOTHING]


def residual_kernels(num_layers: int) -> list[tuple[Kernel, float]]:
    """Each with the share that is a reply's own: all of it, or some beside a kernel."""
    shared = [
        Kernel(kind, share, fall) if kind != "product" else Kernel(kind, share) for kind, share, fall in RESIDUALS
    ]
    if num_layers:
        shared.append(Kernel("layer", num_layers // 2))
    return [(NOTHING, 1.0), *((kernel, own) for kernel in shared for own in OWN_SHARES)]
