"""What conditions with one reward know after equally many episodes."""

from __future__ import annotations

from collections.abc import Iterator

from straw.report.study.cells import Cell
from straw.report.study.equal import Equal, bits_at, draws_unpaid, equals_of, is_told, name_in
from straw.report.study.totals import Estimate
from straw.report.study.verdicts.verdict import Verdict
from straw.report.study.whole import Study
from straw.report.study.words import estimate, listed, opening

MOST = 4  # that a sentence can hold


def compared(study: Study) -> Iterator[Verdict]:
    for equal in equals_of(study.with_bits):
        fair = [(name_of(cell, equal), bits_at(cell, equal.episodes)) for cell in equal.ranked if not is_told(cell)]
        told = [(name_in(cell, equal), bits_at(cell, equal.episodes)) for cell in equal.ranked if is_told(cell)]
        if len(fair) > 1:
            yield Verdict(f"{opening(where(equal))}: {ranking(fair)}{beside(told)}.", "equal")


def name_of(cell: Cell, equal: Equal) -> str:
    return name_in(cell, equal) + (" (which draws unpaid replies too)" if draws_unpaid(cell) else "")


def where(equal: Equal) -> str:
    return f"after {equal.episodes:,.0f} episodes of {equal.reward} at N = {equal.N:,}"


def ranking(fair: list[tuple[str, Estimate]]) -> str:
    """The best, what is as good as far as the intervals tell, and the last."""
    (best, most), *others = fair
    equal = [name for name, bits in others if overlap(bits, most)]
    words = f"{best} knows most, {estimate(most)} bits"
    if equal:
        more = f" and {len(equal) - MOST} more" if len(equal) > MOST else ""
        words += f", and {listed(equal[:MOST])}{more} cannot be told from it"
    last, least = others[-1]
    return f"{words}; {last} knows least, {estimate(least)}"


def overlap(one: Estimate, other: Estimate) -> bool:
    """Without intervals nothing can be told apart."""
    if one.interval is None or other.interval is None:
        return True
    return one.interval.high >= other.interval.low and other.interval.high >= one.interval.low


def beside(told: list[tuple[str, Estimate]]) -> str:
    return "".join(f" ({name}, told the formula of the reward: {estimate(bits)})" for name, bits in told)
