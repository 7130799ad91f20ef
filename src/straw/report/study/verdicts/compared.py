"""What is known on equally many episodes: who comes out ahead, and who can be told from it."""

from __future__ import annotations

from collections.abc import Sequence

from straw.report.study.analysis import Study
from straw.report.study.cells import Cell
from straw.report.study.equal import Equal, bits_at, draws_unpaid, equals_of, name_in
from straw.report.study.formatting import estimate, listed, opening
from straw.report.study.setting import setting
from straw.report.study.verdicts.verdict import Part, Verdict

MOST = 4  # that a sentence can hold


def questions(study: Study) -> list[Equal]:
    """One run against one has no answer."""
    return [
        equal
        for equal in equals_of(study.with_bits)
        if len(equal.fair) > 1 and min(len(cell.runs) for cell in equal.fair) > 1
    ]


def compared(study: Study, equal: Equal, level: float) -> Verdict:
    words = f"{where(equal)}: {ranking(equal, level)}{beside(equal)} ({setting(equal.cells, with_N=False)})."
    return Verdict(opening(words), "equal")


def name_of(cell: Cell, equal: Equal) -> str:
    return name_in(cell, equal) + (" (which draws unpaid replies too)" if draws_unpaid(cell) else "")


def where(equal: Equal) -> str:
    return f"after {equal.episodes:,.0f} episodes of {equal.reward} at N = {equal.N:,}"


def ranking(equal: Equal, level: float) -> str:
    """The first, the last, and who can be told from the first."""
    fair, apart = equal.fair, equal.num_told_apart(level)
    if not apart:
        return f"{known(fair[0], equal)} to {known(fair[-1], equal)}{between(fair[1:-1], equal)}, not told apart"
    words = f"{known(fair[0], equal)} comes out ahead, {known(fair[-1], equal)} last"
    equals = fair[1 : len(fair) - apart]
    if not equals:
        return f"{words}, and {'each of the others' if apart > 1 else 'the other'} can be told from the first"
    return f"{words}; {listed_cells(equals, equal)} {verb(equals)} not told from the first, the other {apart} can be"


def between(cells: Sequence[Cell], equal: Equal) -> str:
    return f", {listed_cells(cells, equal)} between them" if cells else ""


def verb(cells: Sequence[Cell]) -> str:
    return "is" if len(cells) == 1 else "are"


def known(cell: Cell, equal: Equal) -> str:
    return f"{name_of(cell, equal)} with {estimate(bits_at(cell, equal.episodes))} bits in the median"


def listed_cells(cells: Sequence[Cell], equal: Equal) -> str:
    more = f" and {len(cells) - MOST} more" if len(cells) > MOST else ""
    return f"{listed(name_of(cell, equal) for cell in cells[:MOST])}{more}"


def beside(equal: Equal) -> str:
    return "".join(
        f" ({name_in(cell, equal)}, told the formula of the reward: {estimate(bits_at(cell, equal.episodes))})"
        for cell in equal.told
    )


COMPARED = Part(questions, compared)
