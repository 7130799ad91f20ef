"""What an environment pays by itself: `get_reward` at the end, `turn_reward` by turn.

    reward_type=environment         the part is logged under the class's name, as TRL does
    reward_type=mine.py:f           beside it, with weight 1, where the class has `get_reward`

A rollout whose environment failed is paid by nobody: it has no part at all, where a 0 would say that it was judged.
With credit=turn each turn gets an advantage of its own, as long as all rollouts of the step were paid by turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from straw.rewards.channel import Channel, Game, RewardOptions
from straw.types import End, Grade, Payment, Rollout


@dataclass(frozen=True, slots=True)
class EnvironmentPay(Channel):
    """Pays what the environment says."""

    name: ClassVar[str] = "environment"
    reads_replies: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False  # of an environment nobody knows
    credit: str = "turn"

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls(credit=options.credit)

    @property
    def levels(self) -> None:
        return None

    @property
    def lowest(self) -> float:
        return -math.inf

    @property
    def highest(self) -> float:
        return math.inf

    @property
    def plateau(self) -> None:
        return None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        raise TypeError("an environment pays for what happened in it, not for a grade alone")

    def pay(self, rollouts: Sequence[Rollout], draws: Sequence[float], step: int) -> list[Payment]:
        paid = [one.play for one in rollouts if one.play is not None and one.end is not End.FAILED]
        by_turn = self.credit == "turn" and bool(paid) and all(play.turn_rewards is not None for play in paid)
        return [payment_of(one, by_turn) for one in rollouts]


def payment_of(rollout: Rollout, by_turn: bool) -> Payment:
    play = rollout.play
    if play is None or play.reward is None or rollout.end is End.FAILED:
        return Payment(total=0.0, parts={})
    parts = {play.environment: play.reward}
    return Payment(total=play.reward, parts=parts, per_turn=play.turn_rewards if by_turn else None)


@dataclass(frozen=True, slots=True)
class BesideEnvironment(Channel):
    """Another channel, and what the environment pays on top; nobody pays where it failed."""

    other: Channel
    environment: EnvironmentPay | None = None  # None: it pays nothing by itself
    reads_replies: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.other.name

    @property
    def levels(self) -> int | None:
        return self.other.levels if self.environment is None else None

    @property
    def lowest(self) -> float:
        return self.other.lowest if self.environment is None else -math.inf

    @property
    def highest(self) -> float:
        return self.other.highest if self.environment is None else math.inf

    @property
    def plateau(self) -> None:
        return None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return self.other(grade, draw)

    def pay(self, rollouts: Sequence[Rollout], draws: Sequence[float], step: int) -> list[Payment]:
        """Those that failed are shown to nobody: a function of somebody else cannot be asked about half an episode."""
        alive = [place for place, one in enumerate(rollouts) if one.end is not End.FAILED]
        some, coins = [rollouts[place] for place in alive], [draws[place] for place in alive]
        paid = [Payment(total=0.0, parts={}) for _ in rollouts]
        if not some:
            return paid
        found = self.other.pay(some, coins, step)
        if self.environment is not None:
            beside = EnvironmentPay(credit="sum").pay(some, coins, step)
            found = [both(self.name, one, more) for one, more in zip(found, beside, strict=True)]
        for place, payment in zip(alive, found, strict=True):
            paid[place] = payment
        return paid


def both(name: str, paid: Payment, more: Payment) -> Payment:
    """A payment without parts is one by itself, under the channel's name."""
    parts = {**({name: paid.total} if paid.parts is None else paid.parts), **(more.parts or {})}
    return replace(paid, total=sum(parts.values()), parts=parts, per_turn=None)
