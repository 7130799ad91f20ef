"""What the runs say, in sentences that are computed: other runs, other sentences.

    growth      episodes against N                             they scale as N^1.02 [0.97, 1.07], in proportion to N
    pace        bits per episode, beside an ideal observer
    compared    on equal episodes
    levels      from how many levels of a reward on more of them save nothing
    capacity    whether it matters what learns
    outcomes    what was known at the end, the ledger, controls
    cautions    too few secrets, medians that were not reached, a rate at the edge

Each stands on numbers that a table of the report holds. A comparison is only made where the data can carry it, and what
they cannot carry is said as a warning.
"""

from __future__ import annotations

from straw.report.study.verdicts import capacity, cautions, compared, growth, levels, outcomes, pace
from straw.report.study.verdicts.verdict import Verdict
from straw.report.study.whole import Study

__all__ = ["Verdict", "verdicts_of"]

PARTS = (
    growth.scaling, growth.discovery, pace.pace, compared.compared, levels.levels, capacity.capacity, outcomes.singles,
    outcomes.accuracy, outcomes.ledger, outcomes.controls, cautions.rates, cautions.censored, cautions.ended,
    cautions.models, cautions.secrets, cautions.unpaid,
)  # fmt: skip


def verdicts_of(study: Study) -> list[Verdict]:
    """Findings first, each figure's in the order of the figures; warnings behind them."""
    found = [verdict for part in PARTS for verdict in part(study)]
    return sorted(found, key=lambda verdict: verdict.is_warning)
