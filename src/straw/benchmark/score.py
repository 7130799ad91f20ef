"""Episodes to 0.9 of the bits, divided by the ideal observer's; and what they cost.

    runs -> median (Kaplan and Meier: a run that was stopped counts as longer) -> divided by the reference
            95% interval between two of the runs in order, whatever they are like (`report.study.statistics`)

Where no more than half of the runs came to know, the median is at least the cap, and so is the ratio: `at_least`. Over
cells the score is the geometric mean of their ratios, and at least that where any of them is. A cell with a few secrets
has the geometric mean of its runs in place of a median (`few`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from straw.benchmark.few import mean_ratio
from straw.benchmark.games import Cell
from straw.benchmark.play import Played
from straw.benchmark.reference import FEW
from straw.report.study.statistics.intervals import Interval, interval_of
from straw.report.study.statistics.survival import km_median

Record = dict[str, Any]


def score_of(cell: Cell, runs: Sequence[Played], reference: float) -> Record:
    """Plain JSON values; an end that nobody watched long enough for is null."""
    middle, few = km_median(*times_of(runs)), cell.secrets < FEW
    ratio = mean_ratio(runs, reference) if few else min(middle, cell.most_episodes) / reference
    span = interval(runs)
    return {
        "known": sum(one.known for one in runs), "of": len(runs), "reference": reference, "median": finite(middle),
        "interval": None if span is None else [finite(span.low), finite(span.high)],
        "is_range": span is not None and span.is_range,
        "at_least": not all(one.known for one in runs) if few else not math.isfinite(middle),
        "ratio": round(ratio, 4),
        "updates": median(one.updates for one in runs), "unpaid_draws": median(one.unpaid_draws for one in runs),
        "cpu_s": round(median(one.cpu_s for one in runs), 2),
    }  # fmt: skip


def times_of(runs: Sequence[Played]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(one.episodes) for one in runs]), np.array([one.known for one in runs], dtype=bool)


def interval(runs: Sequence[Played]) -> Interval | None:
    """Of the median of all such runs."""
    times, known = times_of(runs)
    return interval_of(times, np.where(known, times, math.inf), len(runs))


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def total_of(scores: Sequence[Mapping[str, Any]]) -> Record:
    if not scores:
        return {"ratio": None, "at_least": False}
    logs = [math.log(score["ratio"]) for score in scores]
    return {
        "ratio": round(math.exp(math.fsum(logs) / len(logs)), 3), "at_least": any(one["at_least"] for one in scores)
    }  # fmt: skip
