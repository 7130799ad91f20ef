"""The learning rate of a condition, on which secrets it was chosen, and how much it matters.

    other secrets        a sweep's own trials: what is judged was never looked at
    other draws          its trials hide secrets that are judged, since N has no others, with other randomness
    half of the secrets  several rates without trials: the first half of the secrets chooses, the other half is judged
    the same secrets     too few of them for that: read as what can be reached, not as what to expect

The best rate is the one with the smallest median of episodes, as a sweep chooses it (`runs.sweeps.tuning`). It matters
little if rates over a wide range are within a factor of two of the best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from straw.report.study.cells import Cell
from straw.report.study.load_runs import Seen
from straw.report.study.statistics.survival import Median, median_of
from straw.report.study.statistics.times import time_of, times_of
from straw.runs.sweeps.tuning import NEVER, Trial, best_rate, is_at_edge, rows_of

OTHERS, DRAWS, HALF, SAME, GIVEN = "other secrets", "other draws", "half of the secrets", "the same secrets", "given"
TRIALS = (OTHERS, DRAWS)  # where a sweep had some
ENOUGH_TO_SPLIT, NEARLY = 4, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One rate, and what came of it."""

    rate: float
    median: Median | None  # of the episodes to 0.9 of the bits
    bits: float | None  # known at the end, in the median; or accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """All rates that were tried for a cell, by size."""

    label: str
    series: str
    N: int | None
    tried: Sequence[Tried]
    chosen: float
    how: str
    is_at_edge: bool

    @property
    def near_best(self) -> tuple[float, float] | None:
        """The rates with a median within a factor of two of the smallest one."""
        reached = [one for one in self.tried if one.median is not None and one.median.is_reached]
        if not reached:
            return None
        best = min(one.median.value for one in reached if one.median is not None)
        near = [one.rate for one in reached if one.median is not None and one.median.value <= NEARLY * max(best, 1.0)]
        return min(near), max(near)


def settled(cell: Cell) -> Cell:
    """The cell with the runs of one learning rate, and how that was found."""
    rates = Counter(run.rate for run in cell.runs)
    if len(rates) == 1:
        return replace(cell, how=how_trials(cell) if cell.others else GIVEN)
    if cell.others:
        found = best(cell.others)
        return replace(
            cell, runs=at_rate(cell.runs, found if found in rates else rates.most_common(1)[0][0]), how=how_trials(cell)
        )
    secrets = list(dict.fromkeys((run.secret, run.seed) for run in cell.runs))
    choosing = set(secrets[: len(secrets) // 2] if len(secrets) >= ENOUGH_TO_SPLIT else secrets)
    rate = best(run for run in cell.runs if (run.secret, run.seed) in choosing)
    whole = len(choosing) == len(secrets)
    judged = [run for run in at_rate(cell.runs, rate) if whole or (run.secret, run.seed) not in choosing]
    if not judged:  # the other half was never run with that rate
        judged, whole = at_rate(cell.runs, rate), True
    others = [run for run in cell.runs if run not in judged]
    return replace(cell, runs=judged, others=others, how=SAME if whole else HALF)


def how_trials(cell: Cell) -> str:
    """Seeds that differ by a multiple of N hide the same secret."""
    N = cell.N
    if N is None:
        return OTHERS
    judged, tried = ({int(run.secret) % N for run in runs if run.secret.isdigit()} for runs in (cell.runs, cell.others))
    return DRAWS if judged & tried else OTHERS


def rates_of(cell: Cell) -> Rates | None:
    """None where only one was tried. Where there are trials, they alone: on equal secrets for every rate."""
    runs = cell.others if cell.how in TRIALS else [*cell.others, *cell.runs]
    by_rate = sorted({run.rate for run in runs})
    if len(by_rate) < 2:
        return None
    return Rates(
        label=cell.label,
        series=cell.series,
        N=cell.N,
        tried=[tried(rate, at_rate(runs, rate)) for rate in by_rate],
        chosen=cell.rate,
        how=cell.how,
        is_at_edge=is_at_edge(rows_of(map(trial, runs)), cell.rate),
    )


def tried(rate: float, runs: Sequence[Seen]) -> Tried:
    ends = sorted(end for run in runs if (end := end_of(run)) > -inf)
    middle = (ends[(len(ends) - 1) // 2] + ends[len(ends) // 2]) / 2 if ends else None
    return Tried(rate=rate, median=median_of(times_of(runs, "known")), bits=middle)


def best(runs: Iterable[Seen]) -> float:
    listed = list(runs)
    found = best_rate(rows_of(map(trial, listed)))
    return listed[0].rate if found is None else found


def trial(run: Seen) -> Trial:
    time = time_of(run, "known")
    return Trial(run.rate, time.episodes if time is not None and time.happened else NEVER, end_of(run))


def end_of(run: Seen) -> float:
    """What it knew in the end: bits, or accuracy; -inf where neither was measured."""
    for name in ("bits_known", "accuracy"):
        if (last := run.column(name).last) is not None:
            return last
    return -inf


def at_rate(runs: Iterable[Seen], rate: float) -> list[Seen]:
    return [run for run in runs if run.rate == rate]
