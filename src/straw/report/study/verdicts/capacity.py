"""Whether it matters what learns: until the first hit, from there on, and in all.

Where no run knew more before its first hit than at the start, nothing had been learned, and the wait is that of the
start's guesses: it is the same for every learner by construction, and no test of it says anything about capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from straw.report.study.analysis import Study
from straw.report.study.capacity import Capacity, capacities_of, learner
from straw.report.study.cells import Cell
from straw.report.study.formatting import counted, middle, spread
from straw.report.study.load_runs import Seen
from straw.report.study.setting import setting
from straw.report.study.statistics.chance import same_pace
from straw.report.study.statistics.survival import Median
from straw.report.study.statistics.times import time_of
from straw.report.study.verdicts.levels import unseen
from straw.report.study.verdicts.verdict import Part, Verdict

PARTS = {"found": "until the first hit", "settled": "from the first hit to 0.9 of the bits", "known": "in all"}
STILL = 1e-6  # of a bit: equal weights are measured as equal


class Asked(NamedTuple):
    one: Capacity
    what: str
    cells: Sequence[Cell]  # that have such times


def questions(study: Study) -> list[Asked]:
    """One run against one has no answer."""
    asked = []
    for one in capacities_of(study.with_bits):
        for what in PARTS:
            there = [cell for cell in one.cells if what in study.medians[cell.label]]
            if len(there) > 1 and min(len(study.times[cell.label][what].runs) for cell in there) > 1:
                asked.append(Asked(one, what, there))
    return asked


def capacity(study: Study, asked: Asked, level: float) -> Verdict:
    one = asked.one
    where = f"Capacity, {one.reward} at N = {one.N:,}, {PARTS[asked.what]}"
    said = waited(study, asked) if is_wait(asked) else difference(study, asked, level)
    learners = f"{counted(len(asked.cells), 'learner')}, {setting(asked.cells, with_N=False)}"
    return Verdict(f"{where}: {said} ({learners}).", "capacity")


def is_wait(asked: Asked) -> bool:
    """Whether nothing had been learned when the first hit came."""
    return asked.what == "found" and all(knew_nothing(run) for cell in asked.cells for run in cell.runs)


def knew_nothing(run: Seen) -> bool:
    """Before its first hit, as far as it was measured."""
    hit, known = time_of(run, "found"), run.column("bits_known")
    if hit is None:
        return False
    before = known.values[known.episodes < hit.episodes]
    return bool(len(before)) and bool(np.ptp(before) < STILL)


def waited(study: Study, asked: Asked) -> str:
    medians = [study.medians[cell.label]["found"].value for cell in asked.cells]
    return (
        f"nothing was learned before it, so the wait is that of the start's guesses, whatever learns: "
        f"{spread(medians)} episodes in the median"
    )


def difference(study: Study, asked: Asked, level: float) -> str:
    """Whether luck alone could make it, with the fastest and the slowest."""
    times = [study.times[cell.label][asked.what] for cell in asked.cells]
    p = same_pace(*times, unlikely=level)
    medians = {learner(cell): study.medians[cell.label][asked.what] for cell in asked.cells}
    first, last = (choose(medians, key=lambda name: pace_of(medians[name])) for choose in (min, max))
    ends = f"{first} {middle(medians[first])} and {last} {middle(medians[last])} episodes"
    if p is None:
        return f"{ends}, and so few runs cannot tell them apart"
    if p <= level:
        return f"it matters what learns ({chance(p)}): {ends}"
    return f"{ends}, not told apart ({chance(p)}){unseen(times, level)}"


def pace_of(median: Median) -> tuple[float, float]:
    """Of medians that were not reached the one is slower that fewer runs came to."""
    return median.value, -median.happened / median.total


def chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


CAPACITY = Part(questions, capacity)
