"""Bits per episode, at one N, and how many times as long as an ideal observer it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from straw.report.study.analysis import FAIR, Study
from straw.report.study.cells import Cell
from straw.report.study.formatting import estimate, three, within
from straw.report.study.setting import setting
from straw.report.study.statistics.intervals import Interval
from straw.report.study.totals import bits_per_episode
from straw.report.study.verdicts.verdict import Verdict


def pace(study: Study) -> Iterator[Verdict]:
    """Bits per episode, at the N that most conditions have."""
    N = common_size(study)
    cells = [cell for cell in study.of_size(N) if not cell.is_control]
    found = [(cell, rate) for cell in cells if (rate := bits_per_episode(cell)) is not None]
    if N is None or not found:
        return
    where = setting([cell for cell, _ in found], with_N=False)
    told = "; ".join(f"{cell.series} {estimate(rate)}" for cell, rate in found)
    yield Verdict(f"Bits per episode at N = {N:,}, {in_sum(cells)}: {told} ({where}).", "bits")
    ratios = [f"{cell.series} {times}" for cell, _ in found if (times := times_ideal(study, cell))]
    if ratios:
        yield Verdict(
            f"Times as many episodes as an ideal observer that guesses in groups of the same size, at N = {N:,}: "
            f"{'; '.join(ratios)} ({where}).",
            "bits",
        )


def in_sum(cells: Sequence[Cell]) -> str:
    return "in sum (and by single runs)" if max(len(cell.runs) for cell in cells) > 1 else "in sum"


def times_ideal(study: Study, cell: Cell) -> str:
    """Nothing where the median was not reached, or there is no observer."""
    median, ideal = study.medians[cell.label].get("known"), ideal_of(study, cell)
    if median is None or not median.is_reached or not ideal:
        return ""
    interval = median.interval
    ends = interval and Interval(interval.low / ideal, interval.high / ideal, interval.is_range)
    return f"{three(median.value / ideal)}{within(ends)}"


def ideal_of(study: Study, cell: Cell) -> float | None:
    """Episodes to 0.9 of the bits, in whole groups: nothing returns inside one."""
    seen = study.observers.get(cell.label)
    if seen is None or (episodes := seen.paces[FAIR].to_nine_tenths) is None:
        return None
    return -(-episodes // seen.group) * seen.group


def common_size(study: Study) -> int | None:
    """The N with the most conditions, the largest of equals."""
    return max(study.sizes, key=lambda N: (len(study.of_size(N)), N), default=None)
