"""Whether it matters what learns: until the first hit, and from there on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from straw.report.study.capacity import capacities_of, learner
from straw.report.study.cells import Cell
from straw.report.study.survival import Median, same_pace
from straw.report.study.verdicts.levels import UNLIKELY
from straw.report.study.verdicts.verdict import Verdict
from straw.report.study.whole import Study
from straw.report.study.words import counted, middle

PARTS = {"found": "until the first hit", "settled": "from there to 0.9 of the bits", "known": "in all"}


def capacity(study: Study) -> Iterator[Verdict]:
    for one in capacities_of(study.with_bits):
        told = [f"{words} {said}" for what, words in PARTS.items() if (said := difference(study, one.cells, what))]
        if told:
            where = f"Capacity, {one.reward} at N = {one.N:,}, {counted(len(one.cells), 'learner')}"
            yield Verdict(f"{where}: {'; '.join(told)}.", "capacity")


def difference(study: Study, cells: Sequence[Cell], what: str) -> str:
    """Whether luck alone could make it, with the fastest and the slowest; nothing where too few tell."""
    there = [cell for cell in cells if what in study.medians[cell.label]]
    if len(there) < 2 or (p := same_pace(*(study.times[cell.label][what] for cell in there))) is None:
        return ""
    medians = {learner(cell): study.medians[cell.label][what] for cell in there}
    first, last = (choose(medians, key=lambda name: pace_of(medians[name])) for choose in (min, max))
    found = "luck could make the differences" if p >= UNLIKELY else "it counts"
    return f"{found} ({chance(p)}), {first} {middle(medians[first])} and {last} {middle(medians[last])} episodes"


def pace_of(median: Median) -> tuple[float, float]:
    """Of medians that were not reached the one is slower that fewer runs came to."""
    return median.value, -median.happened / median.total


def chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
