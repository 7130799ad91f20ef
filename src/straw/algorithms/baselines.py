"""What a reward is compared with, by name, and the advantages that come of it.

    BASELINES["group"]        each reward of a group less the group's mean
    baseline=mine.py:f        a function of your own: f(rewards of a group) -> advantages

The formulas stand in `advantages`. Here each gets the numbers of the page that it needs, from the `Credit` that asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from straw.algorithms import advantages
from straw.algorithms.rows import maxrl, reinforce_pp
from straw.registry import find

Groups = Sequence[Sequence[float]]


@dataclass(slots=True, kw_only=True)
class Credit:
    """Rewards to advantages, with the one number that outlives a batch in plain sight."""

    baseline: str
    constant: float = 0.5
    decay: float = 0.9
    optimism: float = 0.1
    running_mean: float = 0.0  # where it stands; at first where the page lets it begin
    moves: str = "reply"  # with every one, or once a "batch"
    own: Mapping[str, Any] = field(default_factory=dict)  # the row's own options, for a baseline of its own

    def advantages(self, groups: Groups) -> list[list[float]]:
        """One advantage per reward, group by group."""
        return baseline_named(self.baseline).of_batch(groups, self)

    def state_dict(self) -> dict[str, float]:
        return {"running_mean": self.running_mean}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.running_mean = state["running_mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """`of_group` takes the rewards of one group. `needs_others`: a group of one has nothing to compare with."""

    of_group: Callable[[Sequence[float], Credit], Sequence[float]]
    needs_others: bool = False

    def of_batch(self, groups: Groups, credit: Credit) -> list[list[float]]:
        found = [[float(one) for one in self.of_group(group, credit)] for group in groups]
        if [len(row) for row in found] != [len(group) for group in groups]:
            raise ValueError(f"baseline={credit.baseline} gives one advantage for each reward, and gave {found}")
        return found


@dataclass(frozen=True, slots=True)
class RunningMean:
    """The whole batch meets the mean as it stood before."""

    needs_others: bool = False

    def of_batch(self, groups: Groups, credit: Credit) -> list[list[float]]:
        flat = [reward for group in groups for reward in group]
        found, once = advantages.against_ema(flat, credit.running_mean, credit.decay)
        by_each = credit.moves == "reply"
        mean = advantages.moved_by_each(flat, credit.running_mean, credit.decay) if by_each else once
        credit.running_mean = mean
        remaining = iter(found)
        return [[next(remaining) for _ in group] for group in groups]


def nothing(rewards: Sequence[float], credit: Credit) -> Sequence[float]:
    raise ValueError(f"no credit is given by baseline {credit.baseline!r}")


@dataclass(frozen=True, slots=True)
class OverBatch:
    """The whole batch at once, so that the scale is one for all of it."""

    of_groups: Callable[[Groups], list[list[float]]]
    needs_others: bool = False

    def of_batch(self, groups: Groups, credit: Credit) -> list[list[float]]:
        return self.of_groups(groups)


BASELINES: dict[str, Baseline | RunningMean | OverBatch] = {
    "group": Baseline(of_group=lambda rewards, credit: advantages.centred(rewards), needs_others=True),
    "leave_one_out": Baseline(of_group=lambda rewards, credit: advantages.rloo(rewards), needs_others=True),
    "zscore": Baseline(of_group=lambda rewards, credit: advantages.zscore(rewards), needs_others=True),
    "ema": RunningMean(),
    "constant": Baseline(of_group=lambda rewards, credit: advantages.against_constant(rewards, credit.constant)),
    "optimistic": Baseline(of_group=lambda rewards, credit: advantages.optimistic(rewards, credit.optimism)),
    "maxrl": Baseline(of_group=lambda rewards, credit: maxrl.by_mean(rewards), needs_others=True),
    "batch_zscore": OverBatch(reinforce_pp.over_batch, needs_others=True),
    "centred_batch": OverBatch(reinforce_pp.centred_over_batch, needs_others=True),
    "none": Baseline(of_group=nothing),  # of supervised learning
}


def baseline_named(name: str) -> Baseline | RunningMean | OverBatch:
    """From the table, or from outside: a function of a group's rewards will do."""
    found: Any = find("baselines", name)
    if isinstance(found, type):
        found = found()
    if hasattr(found, "of_batch"):
        made: Baseline | RunningMean | OverBatch = found
        return made
    return Baseline(of_group=lambda rewards, credit: found(list(rewards)))
