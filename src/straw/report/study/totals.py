"""Sums over the runs of a condition, and their ratios: never a mean of ratios.

    eta = sum absorbed / sum offered        bits per episode = sum of bits known / sum of episodes spent on them

A run that came to 0.9 of the bits spends the episodes until then; one that did not, all of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from straw.report.study.cells import Cell
from straw.report.study.gathered import Array, Seen
from straw.report.study.resample import Interval, interval_from
from straw.report.study.times import time_of


class Estimate(NamedTuple):
    value: float
    interval: Interval | None


ETAS = {
    "eta_channel": ("received_bits", "offered_bits"),
    "eta_absorb": ("absorbed_bits", "received_bits"),
    "eta": ("absorbed_bits", "offered_bits"),
}


def efficiency(cell: Cell, name: str) -> Estimate | None:
    """One of `ETAS`; None where a part was not measured."""
    top, bottom = (f"ledger/{part}" for part in ETAS[name])
    there = [run for run in cell.runs if min(len(run.column(top).values), len(run.column(bottom).values))]
    return ratio_of_sums(there, lasts(there, top), lasts(there, bottom))


def ratio_of_sums(runs: Sequence[Seen], tops: Array, bottoms: Array) -> Estimate | None:
    if not len(runs) or bottoms.sum() <= 0:
        return None
    interval = interval_from(runs, lambda weights: divided(weights @ tops, weights @ bottoms))
    return Estimate(float(tops.sum() / bottoms.sum()), interval)


def bits_per_episode(cell: Cell) -> Estimate | None:
    spent = [(run, *one) for run in cell.runs if (one := bits_and_episodes(run)) is not None]
    bits, episodes = (np.array([one[place] for one in spent], dtype=float) for place in (1, 2))
    return ratio_of_sums([run for run, _, _ in spent], bits, episodes)


def bits_and_episodes(run: Seen) -> tuple[float, float] | None:
    time = time_of(run, "known")
    if time is None:
        return None
    known = run.column("bits_known")
    return float(known.values[np.searchsorted(known.episodes, time.episodes)]), time.episodes


def mean_last(cell: Cell, name: str) -> Estimate | None:
    """The mean of a metric's last values."""
    there = [run for run in cell.runs if len(run.column(name).values)]
    if not there:
        return None
    values = lasts(there, name)
    interval = interval_from(there, lambda weights: divided(weights @ values, weights.sum(axis=1)))
    return Estimate(float(values.mean()), interval)


def work(cell: Cell, name: str) -> float | None:
    """Updates or unpaid draws of a run, in the mean; None where a run did not count them at every step."""
    counted = [run.column(name).values for run in cell.runs]
    if any(not run.step or len(values) != run.step for run, values in zip(cell.runs, counted, strict=True)):
        return None
    return float(np.mean([values.sum() for values in counted]))


def law(cell: Cell, against: str) -> Estimate | None:
    """The mean of 2^(absorbed - x): at most 1 over all secrets, whatever learned, for x offered or received.

    It is a law for equal episodes that no secret chose: the most that all came to which were not over because they knew
    enough. One that was could at most know everything by then, and x never falls: it counts with this bound.
    """
    names = "ledger/absorbed_bits", f"ledger/{against}"
    there = [run for run in cell.runs if run.ceiling_bits is not None and all(len(run.column(n).values) for n in names)]
    if not there:
        return None
    episodes = min((end_of(run, names) for run in there if not run.knew_enough), default=np.inf)
    values = np.array([power_at(run, names, episodes) for run in there])
    interval = interval_from(there, lambda weights: divided(weights @ values, weights.sum(axis=1)))
    return Estimate(float(values.mean()), interval)


def end_of(run: Seen, names: Sequence[str]) -> float:
    """Up to where all of these were measured."""
    return min(float(run.column(name).episodes[-1]) for name in names)


def power_at(run: Seen, names: tuple[str, str], episodes: float) -> float:
    """2^(absorbed - x) after so many episodes, or the most that it can be where the run was over by then."""
    absorbed, other = (height_at(run, name, episodes) for name in names)
    if run.knew_enough and end_of(run, names) < episodes:
        absorbed = (run.ceiling_bits or 0.0) * int(run.options.get("num_secrets", "1"))
    return float(np.exp2(absorbed - other))


def lasts(runs: Sequence[Seen], name: str) -> Array:
    return np.array([run.column(name).values[-1] for run in runs], dtype=float)


def height_at(run: Seen, name: str, episodes: float) -> float:
    """The last that was measured by then."""
    column = run.column(name)
    return float(column.values[np.searchsorted(column.episodes, episodes, side="right") - 1])


def divided(tops: Array, bottoms: Array) -> Array:
    return np.divide(tops, bottoms, out=np.full_like(tops, np.nan), where=bottoms > 0)
