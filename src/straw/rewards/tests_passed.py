"""A reward by the share of tests that a program passes, in levels that are declared.

    share of tests      0     0.4    0.75    1          with reward_bins=5: 0, 1/4, 1/2, 3/4 and 1
    paid                0     0.25   0.75    1

A share is rounded down, so only a program that passes all of them is paid in full. With two levels it is `binary`.
Of a task that runs no programs it is the share of turns, or of parts of a reply, that are right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from straw.config.tuning import Tuning
from straw.rewards.channel import COIN, Channel, Game, RewardOptions
from straw.types import Grade, Payment

FACT = "tests"  # of a grade: the share that passed
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class TestsPassed(Channel):
    """The share of tests that a program passes, in reward_bins levels."""

    __test__: ClassVar[bool] = False  # whatever pytest thinks of its name
    name: ClassVar[str] = "tests_passed"
    tuned: ClassVar[Tuning] = COIN
    bins: int = 8

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls(options.reward_bins)

    @property
    def levels(self) -> int:
        return self.bins

    def __call__(self, grade: Grade, draw: float) -> Payment:
        share = grade.form.get(FACT, sum(grade.hits) / len(grade.hits))
        steps = self.bins - 1
        return Payment(total=math.floor(share * steps + ROUNDING) / steps)
