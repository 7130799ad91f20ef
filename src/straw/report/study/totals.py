"""What the runs of a condition came to: medians, and sums with their ratios, never a mean of ratios.

    known at the end        the median of the runs, between two of them in 95%
    eta                     sum absorbed / sum offered
    bits per episode        sum of bits known / sum of episodes spent on them

A run that came to 0.9 of the bits spends the episodes until then; one that did not, all of its own. A single run that
locks in may lie twenty bits below the others, and no few runs tell how often that happens: so a sum has no interval but
the range of its runs, and what is told with an interval is a median.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from straw.report.study.cells import Cell
from straw.report.study.load_runs import Array, Seen
from straw.report.study.statistics.intervals import Interval, interval_of, range_of, units_of
from straw.report.study.statistics.times import time_of

LEAST_BITS = 0.5  # a run in the mean: a share of less is a share of nothing


class Estimate(NamedTuple):
    value: float
    interval: Interval | None
    num_runs: int


ETAS = {
    "eta_channel": ("received_bits", "offered_bits"),
    "eta_absorb": ("absorbed_bits", "received_bits"),
    "eta": ("absorbed_bits", "offered_bits"),
}


def median_last(cell: Cell, name: str) -> Estimate | None:
    """The median of a metric's last values."""
    there = [run for run in cell.runs if len(run.column(name).values)]
    return median_of_runs(there, lasts(there, name)) if there else None


def median_of_runs(runs: Sequence[Seen], values: Array) -> Estimate:
    return Estimate(float(np.median(values)), interval_of(values, values, units_of(runs)), len(runs))


def efficiency(cell: Cell, name: str) -> Estimate | None:
    """One of `ETAS`; None where a part was not measured, or nothing was there to take a share of."""
    top, bottom = (f"ledger/{part}" for part in ETAS[name])
    there = [run for run in cell.runs if min(len(run.column(top).values), len(run.column(bottom).values))]
    bottoms = lasts(there, bottom)
    if not there or bottoms.mean() < LEAST_BITS:
        return None
    return ratio_of_sums(lasts(there, top), bottoms)


def ratio_of_sums(tops: Array, bottoms: Array) -> Estimate | None:
    """With the range of the ratios of single runs."""
    if bottoms.sum() <= 0:
        return None
    single = tops[bottoms > 0] / bottoms[bottoms > 0]
    return Estimate(float(tops.sum() / bottoms.sum()), range_of(single), len(tops))


def bits_per_episode(cell: Cell) -> Estimate | None:
    spent = [one for run in cell.runs if (one := bits_and_episodes(run)) is not None]
    bits, episodes = (np.array([one[place] for one in spent], dtype=float) for place in (0, 1))
    return ratio_of_sums(bits, episodes)


def bits_and_episodes(run: Seen) -> tuple[float, float] | None:
    time = time_of(run, "known")
    if time is None:
        return None
    known = run.column("bits_known")
    return float(known.values[np.searchsorted(known.episodes, time.episodes)]), time.episodes


def work(cell: Cell, name: str) -> float | None:
    """Updates or unpaid draws of a run, in the mean; None where a run did not count them at every step."""
    counted = [run.column(name).values for run in cell.runs]
    if any(not run.step or len(values) != run.step for run, values in zip(cell.runs, counted, strict=True)):
        return None
    return float(np.mean([values.sum() for values in counted]))


def lasts(runs: Sequence[Seen], name: str) -> Array:
    return np.array([run.column(name).values[-1] for run in runs], dtype=float)


def height_at(run: Seen, name: str, episodes: float) -> float:
    """The last that was measured by then."""
    column = run.column(name)
    return float(column.values[np.searchsorted(column.episodes, episodes, side="right") - 1])
