"""The score of many games with a few runs each: no game has an interval worth the name, and all together have one.

    x        log of a run's episodes divided by the observer's own mean; a run that was not over counts with its cap
    ratio    exp m, m the mean of x over the runs of a cell, and over cells                   a geometric mean
    95%      exp (m +- t s),  s^2 = sum over cells of variance / runs, divided by cells^2     Welch and Satterthwaite

So it speaks of other secrets in these same games. t has the degrees of freedom of all cells together, weighed by how
much they vary: two runs say little of how far two others may lie apart, and an interval that takes their distance for
the truth (1.96 in place of t, or runs drawn again) is too narrow. Simulated runs whose truth is known say whether it
holds (`tests/benchmark/test_few.py`). A run that reached its cap took longer than that, so with any of these the ratio
is a least one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from straw.benchmark.games import Cell
from straw.benchmark.play import Played
from straw.benchmark.reference import FEW
from straw.report.sweeps.paired import t_quantile

Runs = Sequence[Played]


def has_few(cells: Sequence[Cell]) -> bool:
    return all(cell.secrets < FEW for cell in cells)


def log_ratios(runs: Runs, reference: float) -> np.ndarray:
    return np.log(np.array([float(run.episodes) for run in runs]) / reference)


def mean_ratio(runs: Runs, reference: float) -> float:
    return math.exp(log_ratios(runs, reference).mean())


def interval_over(logs: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Of the geometric mean over cells, each of which has the logs of its runs; None where one has a single run."""
    if not logs or min(map(len, logs)) < 2:
        return None
    parts = np.array([one.var(ddof=1) / len(one) for one in logs])
    squares = sum(part**2 / (len(one) - 1) for part, one in zip(parts, logs, strict=True))
    freedom = int(parts.sum() ** 2 / squares) if squares else 1
    half = t_quantile(max(1, freedom)) * math.sqrt(parts.sum()) / len(logs)
    middle = float(np.mean([one.mean() for one in logs]))
    return math.exp(middle - half), math.exp(middle + half)


def few_record(runs_of: Mapping[str, Runs], scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What stands beside the ratio over all games: its interval, and how many runs it is made of."""
    span = interval_over([log_ratios(runs_of[name], score["reference"]) for name, score in scores.items()])
    return {
        "interval": None if span is None else [round(end, 3) for end in span],
        "known": sum(score["known"] for score in scores.values()), "of": sum(score["of"] for score in scores.values()),
    }  # fmt: skip
