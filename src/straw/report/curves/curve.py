"""One line of a picture: bits known against episodes.

Episodes are counted the same way for every method, so that reinforcement and supervised learning
stand on one axis. The curve comes from numbers or from a run folder; how it is drawn is for
`picture` and `terminal`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite, isnan, nan
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from straw.runs.metric_rows import column, full_column
from straw.runs.reading import read_metrics

MOST = 1e15  # of anything that is counted or measured


class Curve(NamedTuple):
    """Example: Curve("binary", episodes=(0, 64, 128), bits_known=(0.0, 1.5, 5.9))"""

    label: str
    episodes: Sequence[float]
    bits_known: Sequence[float]
    dashed: bool = False  # for an anchor that is no reinforcement learning
    condition: str = ""  # what its colour stands for; '': the label
    step: float = 0.0  # episodes of one: nothing can be measured more often

    def mean_bits(self, until: float) -> float:
        """The height of the curve over the episodes 0 to `until`; its last value holds to the end.

        Example: Curve("", (0, 10), (0, 4)).mean_bits(until=20) == (10 * 2 + 10 * 4) / 20 == 3
        """
        points = [*zip(self.episodes, self.bits_known, strict=True)]
        points = [(0.0, points[0][1]), *points, (max(until, points[-1][0]), points[-1][1])]
        area = sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(points))
        return area / until if until else points[-1][1]


WIDE = 0.2  # of a curve's length


def pieces(curve: Curve) -> list[Curve]:
    """The curve, broken where nothing was measured for several steps and a fifth of its length: no line is drawn there.

    Example: pieces(Curve("", (0, 10, 20, 100), (0, 1, 2, 6))) has the points (0, 10, 20) and (100,)
    """
    widest = max(curve.step, WIDE * (curve.episodes[-1] - curve.episodes[0])) if curve.episodes else 0.0
    ends = [i for i, (left, right) in enumerate(pairwise(curve.episodes), start=1) if right - left > widest]
    return [
        curve._replace(episodes=curve.episodes[first:last], bits_known=curve.bits_known[first:last])
        for first, last in pairwise([0, *ends, len(curve.episodes)])
    ]


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


def median_curve(curves: Sequence[Curve]) -> Curve:
    """Of several runs of one condition; a run that is over keeps what it knew last.

    Example: the median of (0, 8) -> (0, 6) and (0, 16) -> (0, 2) is (0, 8, 16) -> (0, 3, 4)
    """
    episodes = sorted({one for curve in curves for one in curve.episodes})
    columns = [[known_by(curve, at) for curve in curves] for at in episodes]
    return curves[0]._replace(episodes=episodes, bits_known=[median(column) for column in columns])


def known_by(curve: Curve, episodes: float) -> float:
    """The newest measurement."""
    return curve.bits_known[max(0, bisect_right(curve.episodes, episodes) - 1)]


def metric_curve(rows: Sequence[Mapping[str, Any]], name: str, label: str) -> Curve:
    """Any metric against episodes, from the rows that have it."""
    episodes: list[float] = []
    values: list[float] = []
    step, before = inf, nan
    for at, value in zip(full_column(rows, "episodes"), column(rows, name), strict=True):
        if not is_number(at):
            continue
        step, before = (step if isnan(before) else min(step, at - before)), at
        if is_number(value):
            episodes.append(at)
            values.append(value)
    return Curve(label, episodes, values, step=0.0 if step == inf else step)


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
