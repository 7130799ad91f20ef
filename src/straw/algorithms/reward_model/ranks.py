"""How far a reply lies from another one, as its rank: how many others lie nearer to that one.

    h(g, c) = log(1 + rank of g by distance from c) / log M         0 for c itself, about 1 for the farthest
              sqrt(rank / M)                                        the same in another shape

A rank needs no unit, so one shape serves every metric: common prefixes, common suffixes, and hidden states by layer.
Of those at equal distance each has their mean rank. Of many replies some stand for all, evenly spaced.
"""

from __future__ import annotations

from math import log

import numpy as np

from straw.algorithms.reward_model.likeness import Array, Likeness, Replies, spread

MOST_PAIRS = 1 << 22  # distances that are kept for a metric


class Ranks:
    """Of logged replies, from each that can be believed in."""

    def __init__(self, replies: Replies) -> None:
        self.count = len(replies)
        self.others = spread(self.count, max(64, MOST_PAIRS // self.count))
        whole = replies.likeness(self.others)
        self.metrics = [distances.T for distances in metrics_of(whole, replies)]  # [all, others]

    @property
    def num_metrics(self) -> int:
        return 2 * len(self.metrics)

    def rows(self, replies: Replies, some: Array, alike: Likeness) -> Array:
        """[metrics, some, all], each metric in two shapes."""
        shaped = []
        for kept, distances in zip(self.metrics, metrics_of(alike, replies), strict=True):
            ranks = np.stack([self.ranks(kept, far, one) for far, one in zip(distances, some, strict=True)])
            shaped += [np.log1p(ranks) / log(max(self.count, 2)), np.sqrt(ranks / self.count)]
        return np.stack(shaped)

    def ranks(self, kept: Array, far: Array, one: int) -> Array:
        """Of reply `one`, which lies so `far`."""
        nearer, equal = (kept < far[:, None]).sum(axis=1), (kept == far[:, None]).sum(axis=1)
        ranks = np.maximum((nearer + 0.5 * (equal - 1)) * (self.count / len(self.others)), 1.0)
        ranks[one] = 0.0
        return np.asarray(ranks)


def metrics_of(alike: Likeness, replies: Replies) -> list[Array]:
    """[some, all] each. None is nearer to a reply than itself."""
    begun = [np.int16(replies.width) - alike.prefix, np.int16(replies.width) - alike.suffix]
    graded = [far - near for far, near in zip(begun, alike.graded, strict=False)]
    return [*begun, *graded, *alike.places, *(one.astype(np.float32) for one in alike.distances)]
