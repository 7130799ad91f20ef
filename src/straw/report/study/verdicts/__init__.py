"""What the runs say, in sentences that are computed: other runs, other sentences.

    growth      episodes against N                             they scale as N^1.02 [0.97, 1.07], which may be N
    pace        bits per episode, beside an ideal observer
    compared    on equal episodes
    levels      from how many levels of a reward on more of them save nothing
    capacity    whether it matters what learns
    outcomes    what was known at the end, the ledger, controls
    cautions    too few secrets, medians that were not reached, a rate at the edge

Each stands on numbers that a table of the report holds, and names the conditions under which it is true. A comparison
is only made where the data can carry it; one that luck could make is said not to be told, with what would have been
seen. All decisions of a report share one chance of 5% to be wrong. The report begins with the sentence that answers
its title.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from straw.report.study.analysis import Study
from straw.report.study.verdicts import capacity, cautions, compared, growth, ledger, levels, outcomes, pace
from straw.report.study.verdicts.answer import answer_of
from straw.report.study.verdicts.verdict import DOUBT, Part, Telling, Verdict

__all__ = ["Said", "Verdict", "level_of", "said_of", "verdicts_of"]

PARTS: tuple[Part | Telling, ...] = (
    growth.SCALING, growth.many, growth.discovery, pace.pace, compared.COMPARED, levels.LEVELS, capacity.CAPACITY,
    outcomes.singles, outcomes.accuracy, ledger.absorbed, ledger.LAW, outcomes.COINS, outcomes.controls, cautions.rates,
    cautions.censored, cautions.ended, cautions.models, cautions.secrets, cautions.unpaid, cautions.shared_draws,
)  # fmt: skip


class Said(NamedTuple):
    """The sentence that answers the title, and all others: findings first, warnings behind them."""

    answer: Verdict | None
    verdicts: list[Verdict]


@lru_cache(maxsize=2)
def said_of(study: Study) -> Said:
    """Each figure's in the order of the figures; none that says what the answer says."""
    level = level_of(study)
    answer = answer_of(study, level)
    found = [one for part in PARTS for one in told(part, study, level) if answer is None or one.text != answer.text]
    return Said(answer, sorted(found, key=lambda verdict: verdict.is_warning))


def verdicts_of(study: Study) -> list[Verdict]:
    """The answer too, at its place in the front."""
    said = said_of(study)
    return [*([said.answer] if said.answer is not None else []), *said.verdicts]


def told(part: Part | Telling, study: Study, level: float) -> Iterator[Verdict]:
    if isinstance(part, Part):
        yield from (part.answer(study, question, level) for question in part.questions(study))
    else:
        yield from part(study)


def level_of(study: Study) -> float:
    """What a single decision of this report may be wrong by."""
    return DOUBT / max(1, sum(len(list(part.questions(study))) for part in PARTS if isinstance(part, Part)))
