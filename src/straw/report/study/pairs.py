"""Which of some conditions are told apart, pair by pair, with one chance to be wrong about any (Holm)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from straw.report.study.statistics.chance import chance_of, ranked_times
from straw.report.study.statistics.times import Times


class Apart(NamedTuple):
    """By their places among the conditions."""

    sooner: int
    later: int
    p: float


def told_apart(samples: Sequence[Times], level: float) -> list[Apart]:
    pairs = list(combinations(range(len(samples)), 2))
    least = level / max(1, len(pairs))
    found = {pair: apart for pair in pairs if (apart := compared(samples, *pair, least)) is not None}
    kept = held({pair: one.p for pair, one in found.items()}, level, len(pairs))
    return [found[pair] for pair in pairs if pair in kept]


def compared(samples: Sequence[Times], one: int, other: int, unlikely: float) -> Apart | None:
    """None where so few runs could not tell. Who is sooner has more that happened than its share of those at risk."""
    runs = ranked_times([samples[one], samples[other]], unlikely)
    if (p := chance_of(runs, unlikely)) is None:
        return None
    means = np.bincount(runs.group, weights=runs.scores) / runs.sizes
    return Apart(one, other, p) if means[0] > means[1] else Apart(other, one, p)


def held(chances: Mapping[tuple[int, int], float], level: float, count: int) -> set[tuple[int, int]]:
    """Holm: the smallest p against level / count, the next against level / (count - 1), until one is too large."""
    kept: set[tuple[int, int]] = set()
    for place, key in enumerate(sorted(chances, key=lambda one: chances[one])):
        if chances[key] > level / (count - place):
            break
        kept.add(key)
    return kept
