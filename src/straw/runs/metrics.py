"""The numbers of one step, by name, that add up over micro-batches.

    {"kl": Metric(0.1, 4)}  and  {"kl": Metric(0.4, 2)}   ->  {"kl": Metric(0.2, 6)}  ->  {"step": 3, ..., "kl": 0.2}

A mean travels with its count until the row is written, because a mean of means is wrong. A number
that nobody could compute (count 0) is absent from the row, not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from straw.runs.metric_rows import column
from straw.types import Metric

MEASURED = ("bits_known", "accuracy", "eval_reward")  # what a run is judged by: the first that it has


def measured_in(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first that these rows have; their reward where nothing was measured."""
    return next((name for name in MEASURED if any(value is not None for value in column(rows, name))), "reward")


def mean_of(values: Iterable[float]) -> Metric:
    """The values as one metric; of no values, a metric of count 0."""
    listed = list(values)
    return Metric(sum(listed) / len(listed), len(listed)) if listed else Metric(0.0, 0)


def merged(*parts: Mapping[str, Metric]) -> dict[str, Metric]:
    """Parts of one step as a whole: equal names add up."""
    whole: dict[str, Metric] = {}
    for part in parts:
        for name, metric in part.items():
            if metric.count:
                whole[name] = whole[name] + metric if name in whole else metric
    return whole


def metrics_row(*, step: int, episodes: int, time_s: float, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """One line of metrics.jsonl: where the run stands, then every metric's mean."""
    row: dict[str, float] = {"step": step, "episodes": episodes, "time_s": round(time_s, 3)}
    if taken := row.keys() & metrics.keys():
        raise ValueError(f"a metric may not be named {', '.join(sorted(taken))}: the row itself has that column")
    return row | {name: metric.mean for name, metric in metrics.items() if metric.count}
