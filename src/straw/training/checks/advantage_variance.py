"""The forecast of groups that teach nothing, from a few rollouts at the start.

    share = sum over levels of (share of rollouts paid this level) ** group_size

A group whose rollouts are all paid alike has no variance, and with most baselines no advantage. Where the baseline
gives such a group one (a constant, an optimistic one), its level does not count. Turns that are paid one by one
have a sum each; the group teaches nothing when all of its turns do.

Example: 8 of 32 rollouts were paid 1 and 24 were paid 0: of groups of 4 a share of .25^4 + .75^4 = .32 teaches nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from straw.algorithms.baselines import Credit
from straw.types import Rollout

MUCH = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of how many groups there will be no advantage at the start: at least, and as it looks."""

    rollouts: int
    group_size: int
    at_least: float
    share: float

    @property
    def is_bad(self) -> bool:
        return self.share > MUCH

    @property
    def line(self) -> str:
        """Where all were paid alike, all that is known is how rare another pay is at most."""
        said = f"of groups of {self.group_size} will teach nothing at first"
        if not self.is_bad:
            return f"forecast: {self.share:.0%} {said} ({self.rollouts} rollouts tried)"
        some, why = f"{self.share:.0%}", f"{self.rollouts} rollouts tried, nearly all paid alike"
        if self.at_least < self.share:
            rare = f"{1 - self.at_least ** (1 / self.group_size):.0%}"
            some = f"at least {self.at_least:.0%}, perhaps all,"
            why = f"{self.rollouts} rollouts tried, all paid alike: at 95% confidence at most {rare} are not"
        return (
            f"forecast: {some} {said} ({why}). The run waits for a lucky one. What "
            "helps: a larger group_size, a baseline that teaches such groups, or a channel that says more (reward_type)"
        )


def forecast_groups(groups: Sequence[Sequence[Rollout]], group_size: int, credit: Callable[[], Credit]) -> Forecast:
    """`credit` makes a fresh one, since a baseline may remember. Groups are of rollouts at one problem."""
    shares = [unanimous(columns_of(group), group_size, credit) for group in groups]
    share = sum(shares) / len(shares)
    fewest = min(map(len, groups))
    # What was seen in none of n rollouts is, at 95%, no more than 3 / n of them.
    at_least = max(0.0, 1 - 3 / fewest) ** group_size if share == 1 else share
    return Forecast(rollouts=sum(map(len, groups)), group_size=group_size, at_least=at_least, share=share)


def columns_of(group: Sequence[Rollout]) -> list[list[float]]:
    """What is compared with each other: whole rollouts, or turn by turn."""
    if group[0].turn_rewards is None:
        return [[rollout.reward for rollout in group]]
    return [list(column) for column in zip(*(rollout.turn_rewards or () for rollout in group), strict=False)]


def unanimous(columns: Sequence[Sequence[float]], group_size: int, credit: Callable[[], Credit]) -> float:
    """The share of groups that get no advantage anywhere."""
    return prod(
        sum(
            (count / len(column)) ** group_size
            for level, count in Counter(column).items()
            if not any(credit().advantages([[level] * group_size])[0])
        )
        for column in columns
    )
