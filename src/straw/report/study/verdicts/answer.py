"""The sentence that a report begins with: what the runs say to the question that is its title.

What the question is about is told by how the conditions differ: in what learns, in N, in the reward, in the
algorithm, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from straw.report.study.analysis import Study
from straw.report.study.capacity import capacities_of
from straw.report.study.cells import Cell
from straw.report.study.formatting import listed, middle, opening, solved
from straw.report.study.setting import setting
from straw.report.study.verdicts import capacity, compared, growth, levels, outcomes
from straw.report.study.verdicts.verdict import Verdict

MOST = 6  # conditions that one sentence can hold
Answer = Callable[[Study, float], Verdict | None]


def answer_of(study: Study, level: float) -> Verdict | None:
    """None where nothing was measured yet."""
    return next((found for answer in ANSWERS if (found := answer(study, level)) is not None), None)


def by_capacity(study: Study, level: float) -> Verdict | None:
    """What follows the first hit, or all of it; what is the wait of the start tells nothing."""
    asked = [one for one in capacity.questions(study) if one.what == "settled"] or [
        one for one in capacity.questions(study) if one.what == "known"
    ]
    if not asked:
        return None
    return joined([capacity.capacity(study, one, level) for one in asked])


def by_size(study: Study, level: float) -> Verdict | None:
    known = growth.known_of(study)
    if not known:
        return None
    told = [f"{growth.power(found)}{growth.beside_N(found, level)} ({series})" for series, found in known.items()]
    cells = [cell for series in known for cell in study.series[series]]
    words = listed(told) if len(told) <= MOST else f"powers of N {growth.ends(known)}"
    return Verdict(f"Episodes to 0.9 of the bits grow as {words}: {setting(cells)}.", "scaling")


def by_levels(study: Study, level: float) -> Verdict | None:
    return joined([levels.levels(study, N, level) for N in levels.questions(study)])


def by_algorithm(study: Study, level: float) -> Verdict | None:
    if list(capacities_of(study.with_bits)):
        return None
    return joined([compared.compared(study, equal, level) for equal in compared.questions(study)])


def by_time(study: Study, level: float) -> Verdict | None:
    """How long it took in each condition, in the median."""
    cells = [cell for cell in study.with_bits if not cell.is_control]
    if not cells:
        return None
    told = [f"{cell.label} {took(study, cell)}" for cell in cells[:MOST]]
    more = f"; and {len(cells) - MOST} more conditions" if len(cells) > MOST else ""
    among = ", in the median" if max(len(cell.runs) for cell in cells) > 1 else ""
    words = f"Episodes to 0.9 of the bits{among}: {'; '.join(told)}{more}"
    return Verdict(f"{words} ({setting(cells)}).", "bits")


def took(study: Study, cell: Cell) -> str:
    known = study.medians[cell.label].get("known")
    return f"{middle(known)}, {solved(known)} got there"


def by_outcome(study: Study, level: float) -> Verdict | None:
    """The first sentence about accuracy, or about a control."""
    found: Iterator[Verdict] = (one for part in (outcomes.accuracy, outcomes.controls) for one in part(study))
    coins = (outcomes.coin(study, cell, level) for cell in outcomes.coins(study))
    return joined([*coins, *found][:MOST])


def joined(verdicts: list[Verdict]) -> Verdict | None:
    """One sentence of several."""
    if not verdicts:
        return None
    words = "; ".join(one.text.removesuffix(".") for one in verdicts)
    return Verdict(opening(f"{words}."), verdicts[0].about)


ANSWERS: tuple[Answer, ...] = (by_capacity, by_size, by_levels, by_algorithm, by_time, by_outcome)
