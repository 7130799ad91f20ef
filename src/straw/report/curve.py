"""One line of a picture: bits known against episodes.

Episodes are counted the same way for every method, so that reinforcement and supervised learning
stand on one axis. The curve comes from numbers or from a run folder; how it is drawn is for
`picture` and `terminal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from straw.runs.reading import read_metrics

MOST = 1e15  # of anything that is counted or measured


class Curve(NamedTuple):
    """Example: Curve("binary", episodes=(0, 64, 128), bits_known=(0.0, 1.5, 5.9))"""

    label: str
    episodes: Sequence[float]
    bits_known: Sequence[float]
    dashed: bool = False  # for an anchor that is no reinforcement learning

    def mean_bits(self, until: float) -> float:
        """The height of the curve over the episodes 0 to `until`; its last value holds to the end.

        Example: Curve("", (0, 10), (0, 4)).mean_bits(until=20) == (10 * 2 + 10 * 4) / 20 == 3
        """
        points = [*zip(self.episodes, self.bits_known, strict=True)]
        points = [(0.0, points[0][1]), *points, (max(until, points[-1][0]), points[-1][1])]
        area = sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(points))
        return area / until if until else points[-1][1]


def drawable(curves: Iterable[Curve]) -> list[Curve]:
    """The curves with the points that have a number; a curve without one is left out."""
    return [curve for curve in map(_finite, curves) if curve.episodes]


def fastest_first(curves: Sequence[Curve]) -> list[int]:
    """The indices of the curves in the order of a legend, as the lines lie from top to bottom."""
    until = max((curve.episodes[-1] for curve in curves), default=0)
    return sorted(range(len(curves)), key=lambda index: -curves[index].mean_bits(until))


def curve_of(folder: str | Path, label: str, *, dashed: bool = False) -> Curve:
    """The curve of a run, from the rows in which the bits were measured."""
    return metric_curve(read_metrics(folder), "bits_known", label)._replace(dashed=dashed)


def metric_curve(rows: Iterable[Mapping[str, Any]], name: str, label: str) -> Curve:
    """Any metric against episodes, from the rows that have it."""
    points = [(row["episodes"], row[name]) for row in rows if is_number(row.get(name)) and is_number(row["episodes"])]
    return Curve(label, [episodes for episodes, _ in points], [value for _, value in points])


def is_number(value: object) -> bool:
    """Whether a value of somebody's file can be drawn and printed."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST  # NaN is not


def thinned(curve: Curve, most: int = 128) -> Curve:
    """At most so many points, each the mean of some neighbours and placed at the last of them.

    Example: thinned(Curve("", (1, 2, 3, 4), (0, 1, 0, 3)), most=2) == Curve("", [2, 4], [0.5, 1.5])
    """
    size = -(-len(curve.episodes) // most)
    if size <= 1:
        return curve
    starts = range(0, len(curve.episodes), size)
    groups = [curve.bits_known[start : start + size] for start in starts]
    ends = [curve.episodes[start : start + size][-1] for start in starts]
    return curve._replace(episodes=ends, bits_known=[sum(group) / len(group) for group in groups])


def _finite(curve: Curve) -> Curve:
    points = [(e, b) for e, b in zip(curve.episodes, curve.bits_known, strict=True) if isfinite(b)]
    return curve._replace(episodes=[e for e, _ in points], bits_known=[b for _, b in points])
