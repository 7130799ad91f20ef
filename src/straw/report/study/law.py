"""The law of the ledger, asked of runs: over secrets, the mean of 2^(absorbed - offered) is at most 1.

    kept         the mean over some secrets is at most 1
    broken       it is above 1, and luck can be ruled out
    not told     it is above 1, and a lucky secret could have done it; or there are too few secrets

It is a theorem about the mean over all secrets, and one secret may be far above it: by c bits once in 2^c. So no
spread of a few runs can judge it, but a bet can. Stake a share s of what you own on each run in turn, and own 1 - s +
s 2^(absorbed - offered) times as much behind it: if the law holds, nobody can expect to gain, and owning 1 / p of
what one began with happens with probability p at most (Ville), whatever the distribution. The stakes are spread over
several shares.

Example: four runs of a control that is paid by a coin, and received nothing, know all four bits: 16 times too likely
each. With half of everything at stake that is 8.5^4 = 5,220 times one's money, so p < 0.0002.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from straw.report.study.cells import Cell
from straw.report.study.load_runs import Array, Seen
from straw.report.study.totals import height_at

KEPT, BROKEN, UNTOLD = "kept", "broken", "not told"
FEWEST = 3  # secrets: fewer have no mean to speak of
STAKES = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """`value` is the mean, or the most that it can be. Example: Law(value=59.7, p=0.31, num_secrets=6, episodes=400)"""

    value: float
    p: float
    num_secrets: int
    episodes: float

    def outcome(self, level: float) -> str:
        if self.p <= level:
            return BROKEN
        return KEPT if self.value <= 1 and self.num_secrets >= FEWEST else UNTOLD


def law(cell: Cell, against: str) -> Law | None:
    """`against`: offered_bits or received_bits."""
    return law_of(cell, "ledger/absorbed_bits", f"ledger/{against}")


def law_of_nothing(cell: Cell) -> Law | None:
    """Of a reward that tells nothing: the mean of 2^bits known is at most 1."""
    return law_of(cell, "bits_known")


def law_of(cell: Cell, gained: str, given: str | None = None) -> Law | None:
    """After episodes of which no secret decided how many they are."""
    names = [gained, given] if given is not None else [gained]
    there = [run for run in cell.runs if run.ceiling_bits is not None and all(len(run.column(n).values) for n in names)]
    if not there:
        return None
    begun, ended = np.array([power_at(run, names, first_look(there, names)) for run in there]), last_look(there, names)
    most = np.array([most_at(run, names, ended) for run in there])
    return Law(
        value=float(most.mean()),
        p=chance_of_gain(most if not any(run.knew_enough for run in there) else begun),
        num_secrets=len({run.secret for run in there}),
        episodes=ended,
    )  # fmt: skip


def first_look(runs: Sequence[Seen], names: Sequence[str]) -> float:
    columns = [run.column(name).episodes for run in runs for name in names]
    return max(float(column[column > 0][0]) if (column > 0).any() else float(column[0]) for column in columns)


def last_look(runs: Sequence[Seen], names: Sequence[str]) -> float:
    """Up to where all runs were measured that were not over because they knew their secret.

    A run that is over when it knows enough stops at a moment that tells its secret, and so does the shortest of such
    runs.
    """
    going_on = [run for run in runs if not run.knew_enough]
    return min((end_of(run, names) for run in going_on), default=max(end_of(run, names) for run in runs))


def end_of(run: Seen, names: Sequence[str]) -> float:
    return min(float(run.column(name).episodes[-1]) for name in names)


def power_at(run: Seen, names: Sequence[str], episodes: float) -> float:
    """2^(absorbed - offered) after so many episodes."""
    gained, *given = (height_at(run, name, episodes) for name in names)
    return float(np.exp2(gained - sum(given)))


def most_at(run: Seen, names: Sequence[str], episodes: float) -> float:
    """The same, or the most that it can be where the run was over by then: it could know everything at most, and what
    is offered never falls."""
    if not (run.knew_enough and end_of(run, names) < episodes):
        return power_at(run, names, episodes)
    everything = (run.ceiling_bits or 0.0) * int(run.options.get("num_secrets", "1"))
    return float(np.exp2(everything - sum(height_at(run, name, episodes) for name in names[1:])))


def chance_of_gain(values: Array) -> float:
    """How unlikely so much is for numbers from 0 up whose means are at most 1: what a bet on more would have earned."""
    owned = np.exp(np.log1p(STAKES[:, None] * (values - 1)).sum(axis=1)).mean()
    return float(min(1.0, 1 / owned)) if owned > 0 else 1.0
