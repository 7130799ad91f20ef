"""Medians as marks: points with their intervals, and triangles where half of the runs had not got there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import NamedTuple

from straw.report.figures.drawing.figure import Look, Mark
from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import Median

LOWEST = 1.0  # of an axis in powers


class Point(NamedTuple):
    """Example: Point(64, median, "N = 64: 52 [48, 68], 128 of 128 runs")"""

    x: float
    median: Median
    note: str


def median_marks(
    points: Sequence[Point], label: str, look: Look, colour: int | None, never: str = ""
) -> Iterator[Mark]:
    """`never` is what triangles are called in the legend; without it they share the label of the points."""
    reached = [one for one in points if one.median.is_reached]
    others = [one for one in points if not one.median.is_reached]
    if reached:
        yield Mark(
            label=label, x=[one.x for one in reached], y=[max(LOWEST, one.median.value) for one in reached], look=look,
            colour=colour, low=[low_end(one.median) for one in reached],
            high=[high_end(one.median) for one in reached], notes=[one.note for one in reached],
        )  # fmt: skip
    if others:
        yield Mark(
            label=never or label, x=[one.x for one in others], y=[one.median.longest for one in others], look="never",
            colour=colour, in_legend=bool(never) or not reached, notes=[one.note for one in others],
        )  # fmt: skip


def low_end(median: Median) -> float:
    interval = drawn(median)
    return max(LOWEST, median.value if interval is None else interval.low)


def high_end(median: Median) -> float:
    """As far as anybody watched, where the interval is open."""
    if (interval := drawn(median)) is None:
        return max(LOWEST, median.value)
    return interval.high if isfinite(interval.high) else median.longest


def drawn(median: Median) -> Interval | None:
    """A range of a few runs is no interval, and is not drawn as one."""
    return None if median.interval is None or median.interval.is_range else median.interval
