"""Channels that speak: 1 for the secret and 0 for anything else, and beside it words from a declared alphabet.

    told_in_words      right, higher, lower, unreadable                    N = 64: secret 46, guess 12 -> "higher"
    told_which_digit   right, digit 1 is wrong, ..., unreadable            secret 46, guess 43 -> "digit 2 is wrong"

Digits are those of numbers of one length, 0s in front; the first wrong one is named. A learner that reads nothing but
numbers is paid as by `binary`; the ledger charges for the words all the same, since they were said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from straw.config.tuning import Tuning
from straw.errors import ConfigError
from straw.rewards.channel import COIN, Channel, Game, RewardOptions
from straw.types import Grade, Payment, Rollout

UNREADABLE, RIGHT = "unreadable", "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldInWords(Channel):
    """1 when right; in words whether the secret is higher or lower."""

    name: ClassVar[str] = "told_in_words"
    tuned: ClassVar[Tuning] = COIN
    by_form: ClassVar[bool] = False
    speaks: ClassVar[bool] = True
    N: int

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        if game.num_turns > 1 or game.length_in_numbers > 1:
            raise ConfigError(
                f"{cls.name} speaks of one number in one reply; got {game.num_turns} turns and length={game.length}. "
                "Write env_type=single_step length=1, or another reward_type."
            )
        return cls(N=game.num_guesses or 1)

    @property
    def levels(self) -> int:
        """Words that can be said; each comes with one pay."""
        return 4

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return Payment(total=float(all(grade.hits)))

    def pay(self, rollouts: Sequence[Rollout], draws: Sequence[float], step: int) -> list[Payment]:
        paid = [self(one.grade, draw) for one, draw in zip(rollouts, draws, strict=True)]
        return [replace(found, words=self.words_for(one)) for found, one in zip(paid, rollouts, strict=True)]

    def words_for(self, rollout: Rollout) -> str:
        """The problem has the secret among its facts."""
        (offset,) = rollout.grade.offsets or (None,)
        if offset is None:
            return UNREADABLE
        secret = rollout.problem.facts.get("secret")
        if not isinstance(secret, int):
            raise ConfigError(f"{self.name} is for the secret game, whose problems have a secret. Write task=secret.")
        return self.word(int(self.tells_apart(secret + offset, np.array([secret]))[0]))

    def tells_apart(self, guess: int, secrets: Any) -> Any:
        """-1 where the secret is lower, 1 where it is higher."""
        return np.sign(secrets - guess)

    def word(self, label: int) -> str:
        return {0: RIGHT, 1: "higher", -1: "lower"}[label]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldWhichDigit(ToldInWords):
    """1 when right; in words which digit is the first wrong one."""

    name: ClassVar[str] = "told_which_digit"

    @property
    def width(self) -> int:
        return len(str(self.N - 1))

    @property
    def levels(self) -> int:
        return self.width + 2

    def tells_apart(self, guess: int, secrets: Any) -> Any:
        """The place of the first wrong digit, from 1; 0 where there is none."""
        label = np.zeros(len(secrets), np.int64)
        for place in range(self.width, 0, -1):
            unit = 10 ** (self.width - place)
            label[secrets // unit % 10 != guess // unit % 10] = place
        return label

    def word(self, label: int) -> str:
        return f"digit {label} is wrong" if label else RIGHT
