"""Numbers as a person reads them: three digits, intervals in brackets, and words where there is no number.

0.0124 [0.011, 0.0139]      640 [420, more]      52 (48 to 60)      not reached

In brackets stands a 95% interval; in parentheses the range of the runs, where nothing more can be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite, isnan

from straw.report.study.cells import Cell
from straw.report.study.load_runs import WORK
from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import Median
from straw.report.study.totals import Estimate, work

NONE = "–"
ENDS = "with [95% intervals] from six runs on and the (range of the runs) below that"
WORK_HEADER = ("updates a run", "unpaid draws a run")


def three(value: float) -> str:
    """Example: 1234.5 -> 1,235; 0.012345 -> 0.0123; 12.3 -> 12.3"""
    if isnan(value):
        return NONE
    if not isfinite(value):
        return "more" if value > 0 else "less"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return f"{float(text):.10f}".rstrip("0") if "e" in text and abs(value) > 1e-9 else text.replace("e-", "e−")


def spread(values: Sequence[float]) -> str:
    """Example: spread([8, 8]) == "8", spread([8, 12, 10]) == "8 to 12" """
    low, high = min(values), max(values)
    return three(low) if low == high else f"{three(low)} to {three(high)}"


def within(interval: Interval | None, form: str = "") -> str:
    """' [0.97, 1.07]', ' (48 to 60)', or nothing."""
    if interval is None:
        return ""
    if interval.is_range and interval.low == interval.high:
        return ""
    low, high = (format(end, form) if form and isfinite(end) else three(end) for end in interval[:2])
    return f" ({low} to {high})" if interval.is_range else f" [{low}, {high}]"


def estimate(found: Estimate | None) -> str:
    return NONE if found is None else three(found.value) + within(found.interval)


def work_of(cell: Cell) -> list[str]:
    """What stands under WORK_HEADER: what a learner does beside its episodes."""
    return [NONE if (spent := work(cell, name)) is None else three(spent) for name in WORK]


def middle(median: Median | None) -> str:
    if median is None:
        return NONE
    if not median.is_reached:
        return f"not reached by half in {three(median.longest)}"
    return three(median.value) + within(median.interval)


def solved(median: Median | None) -> str:
    return NONE if median is None else f"{median.happened} of {median.total}"


def listed(words: Iterable[str]) -> str:
    """a; a and b; a, b and c; and what has commas of its own is set apart by semicolons"""
    found = list(words)
    if any("," in word for word in found):
        return "; ".join(found)
    return " and ".join(found) if len(found) < 3 else f"{', '.join(found[:-1])} and {found[-1]}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Example: counted(1, "run") == "1 run" """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def opening(text: str) -> str:
    """With a capital, as a sentence begins; a name such as N stays as it is."""
    return text[:1].upper() + text[1:]
