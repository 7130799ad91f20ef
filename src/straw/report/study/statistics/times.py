"""When something happened to a run, or that it had not happened when the run ended.

    known      the first measured count of episodes with 0.9 log2 N bits
    sure       ... with p(S) > 0.9
    found      the episodes of the step in which a rollout was first right: discovery
    settled    from found to known: consolidation; a run that never hit has none

A run to which it has not happened stays in as a censored one: it took longer than it was watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from straw.report.study.load_runs import Array, Column, Seen

ENOUGH = 0.9
WHAT = {
    "known": "0.9 of the bits",
    "sure": "p(S) > 0.9",
    "found": "first hit",
    "settled": "first hit to 0.9 of the bits",
}


class Time(NamedTuple):
    """Example: Time(400, True, 360): between 360 and 400; Time(6144, False): not within 6144 episodes"""

    episodes: float
    happened: bool
    before: float = 0.0  # when it was last seen not to have happened


class Times(NamedTuple):
    """Of some runs; `runs` are those that have one."""

    episodes: Array
    happened: np.ndarray
    runs: Sequence[Seen]
    before: Array

    @property
    def num_happened(self) -> int:
        return int(self.happened.sum())


def times_of(runs: Iterable[Seen], what: str) -> Times:
    found = [(run, time) for run in runs if (time := time_of(run, what)) is not None]
    return Times(
        np.array([time.episodes for _, time in found], dtype=float),
        np.array([time.happened for _, time in found], dtype=bool),
        [run for run, _ in found],
        np.array([time.before for _, time in found], dtype=float),
    )


def time_of(run: Seen, what: str) -> Time | None:
    """None for a run in which it was not measured, or could not happen yet."""
    if what == "settled":
        return settled(run)
    if what == "found":
        return first(run.column("hits"), 0.0) if not run.is_sft else None
    if what == "sure":
        return first(run.column("p_secret"), ENOUGH)
    if run.ceiling_bits is None:
        return None
    return first(run.column("bits_known"), ENOUGH * run.ceiling_bits, at_least=True)


def settled(run: Seen) -> Time | None:
    hit, known = time_of(run, "found"), time_of(run, "known")
    if hit is None or known is None or not hit.happened:
        return None
    return Time(max(0.0, known.episodes - hit.episodes), known.happened, max(0.0, known.before - hit.episodes))


def first(column: Column, level: float, *, at_least: bool = False) -> Time | None:
    if not len(column.values):
        return None
    there = np.flatnonzero(column.values >= level if at_least else column.values > level)
    if not len(there):
        return Time(float(column.episodes[-1]), False)
    before = column.episodes[there[0] - 1] if there[0] else 0.0
    return Time(float(column.episodes[there[0]]), True, float(before))
