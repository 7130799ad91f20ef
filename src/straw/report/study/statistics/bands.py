"""The middle of some runs and how far they lie apart, at every count of episodes.

Between two measurements a run is taken to move straight. Where it has ended it is no longer there, unless it ended
because it knew enough: then it stays at that height. Where fewer than half of the runs are left the curve ends, so that
it never shows the survivors alone. The band holds the middle half of the runs from five on, and all of them below that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from straw.report.study.load_runs import Array, Seen

MOST, MANY = 120, 5


class Band(NamedTuple):
    """Example: Band(episodes, middle, low, high, counts), all of one length."""

    episodes: Array
    middle: Array
    low: Array
    high: Array
    counts: Array

    @property
    def has_width(self) -> bool:
        return bool(self.counts.max(initial=0) > 1)


def band_of(runs: Sequence[Seen], name: str) -> Band | None:
    """None where it was never measured."""
    measured = [run for run in runs if len(run.column(name).values)]
    if not measured:
        return None
    columns = [run.column(name) for run in measured]
    grid = thinned(np.unique(np.concatenate([column.episodes for column in columns])))
    heights = np.array([heights_of(run, name, grid) for run in measured])
    counts = (~np.isnan(heights)).sum(axis=0)
    kept = counts >= max(1, len(columns) / 2)
    heights, grid, counts = heights[:, kept], grid[kept], counts[kept]
    share = (0.25, 0.75) if len(columns) >= MANY else (0.0, 1.0)
    low, high = np.nanquantile(heights, share, axis=0)
    return Band(grid, np.nanmedian(heights, axis=0), low, high, counts.astype(float))


def heights_of(run: Seen, name: str, grid: Array) -> Array:
    episodes, values = run.column(name)
    behind = float(values[-1]) if run.knew_enough else np.nan
    return np.interp(grid, episodes, values, left=np.nan, right=behind)


def thinned(grid: Array) -> Array:
    """The ends and what lies evenly between."""
    return grid if len(grid) <= MOST else grid[np.unique(np.linspace(0, len(grid) - 1, MOST).round().astype(int))]
