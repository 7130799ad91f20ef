"""The forecast of groups that teach nothing, from a few rollouts at the start.

    share = sum over levels of (share of rollouts paid this level) ** group_size

A group whose rollouts are all paid alike has no variance, and with most baselines no advantage. Where the baseline
gives such a group one (a constant, an optimistic one), its level does not count. Turns that are paid one by one
have a sum each; the group teaches nothing when all of its turns do.

Example: 8 of 32 rollouts were paid 1 and 24 were paid 0: of groups of 4 a share of .25^4 + .75^4 = .32 teaches nothing.
A few rollouts say little of rare pay, so what is told is a range: the shares that levels may really have are drawn
around those that were seen (Dirichlet, with half a rollout more at each level), and 95% of what comes out lies in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, prod

import numpy as np
from numpy.typing import NDArray

from straw.algorithms.baselines import Credit
from straw.types import Rollout

MUCH = 0.9
DRAWS = 10_000
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of how many groups there will be no advantage at the start: at least, as it looks, and at most."""

    rollouts: int
    group_size: int
    at_least: float
    share: float
    at_most: float

    @property
    def is_bad(self) -> bool:
        return self.share > MUCH

    @property
    def line(self) -> str:
        """Where all were paid alike, all that is known is how rare another pay is at most."""
        said = f"of groups of {self.group_size} will teach nothing at first"
        if not self.is_bad:
            return f"forecast: {self.range} {said} ({self.rollouts} rollouts tried)"
        some, why = self.range, f"{self.rollouts} rollouts tried, nearly all paid alike"
        if self.share == 1 and self.at_least < 1:
            rare = f"{1 - self.at_least ** (1 / self.group_size):.0%}"
            some = f"at least {floor(100 * self.at_least)}%, perhaps all,"
            why = f"{self.rollouts} rollouts tried, all paid alike: at 95% confidence at most {rare} are not"
        return (
            f"forecast: {some} {said} ({why}). The run waits for a lucky one. What "
            "helps: a larger group_size, a baseline that teaches such groups, or a channel that says more (reward_type)"
        )

    @property
    def range(self) -> str:
        """Rounded outwards: the share is least where levels are equally common, and no draw goes below that."""
        low, high = floor(100 * self.at_least), ceil(100 * self.at_most)
        return f"{low}%" if low == high else f"{low}% to {high}%"


def forecast_groups(groups: Sequence[Sequence[Rollout]], group_size: int, credit: Callable[[], Credit]) -> Forecast:
    """`credit` makes a fresh one, since a baseline may remember. Groups are of rollouts at one problem."""
    columns = [columns_of(group) for group in groups]
    share = float(np.mean([unanimous(one, group_size, credit) for one in columns]))
    drawn = np.mean([drawn_shares(one, group_size, credit) for one in columns], axis=0)
    at_least, at_most = (float(one) for one in np.quantile(drawn, (0.025, 0.975)))
    if share == 1:  # what was seen in none of n rollouts is, at 95%, no more than 3 / n of them
        at_least, at_most = max(0.0, 1 - 3 / min(map(len, groups))) ** group_size, 1.0
    rollouts = sum(map(len, groups))
    return Forecast(
        rollouts=rollouts, group_size=group_size, at_least=min(at_least, share), share=share,
        at_most=max(at_most, share),
    )  # fmt: skip


def columns_of(group: Sequence[Rollout]) -> list[list[float]]:
    """What is compared with each other: whole rollouts, or turn by turn."""
    if group[0].turn_rewards is None:
        return [[rollout.reward for rollout in group]]
    return [list(column) for column in zip(*(rollout.turn_rewards or () for rollout in group), strict=False)]


def unanimous(columns: Sequence[Sequence[float]], group_size: int, credit: Callable[[], Credit]) -> float:
    """The share of groups that get no advantage anywhere."""
    counted = [(Counter(column), len(column)) for column in columns]
    return prod(
        sum((count / size) ** group_size for level, count in counts.items() if is_idle(level, group_size, credit))
        for counts, size in counted
    )


def drawn_shares(columns: Sequence[Sequence[float]], group_size: int, credit: Callable[[], Credit]) -> Array:
    """The same where levels have shares as they may really have; [DRAWS]"""
    rng, found = np.random.default_rng(0), np.ones(DRAWS)
    for column in columns:
        counts = Counter(column)
        shares = rng.dirichlet([count + 0.5 for count in counts.values()], DRAWS)
        idle = [is_idle(level, group_size, credit) for level in counts]
        found *= (shares[:, idle] ** group_size).sum(axis=1)
    return found


def is_idle(level: float, group_size: int, credit: Callable[[], Credit]) -> bool:
    """Whether a group that is paid this much throughout gets no advantage."""
    return not any(credit().advantages([[level] * group_size])[0])
