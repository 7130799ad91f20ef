"""Controls: channels that make a comparison of channels convincing.

    random         an independent fair coin: about 0 bits can be absorbed
    shuffled_bins  the binned reward with its levels exchanged: the same entropy, no order
    higher_lower   1 if guess >= secret: one true bit, worth log2 N rollouts to an ideal observer
    noisy_binary   the binary reward, flipped with probability e: 1 - h2(e) bits at most

The highest pay of shuffled_bins and higher_lower need not be the secret's: judge those by what an observer
learns, not by bits known. No control pays for a reply that could not be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random as Shuffler
from typing import ClassVar, Self

from straw.config.tuning import Tuning
from straw.errors import ConfigError
from straw.rewards.channel import COIN, Channel, Game, RewardOptions, signed_offsets, was_read
from straw.rewards.log_distance import BinnedLogDistance, level_of, reached_levels
from straw.types import Grade, Payment


@dataclass(frozen=True, slots=True)
class Random(Channel):
    """A fair coin that knows nothing of the guess."""

    name: ClassVar[str] = "random"
    tuned: ClassVar[Tuning] = COIN
    deterministic: ClassVar[bool] = False
    by_form: ClassVar[bool] = False
    several: ClassVar = "hits"
    tells_nothing: ClassVar[bool] = True

    @property
    def levels(self) -> int:
        return 2

    @property
    def plateau(self) -> None:
        return None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return Payment(total=float(was_read(grade) and draw < 0.5))

    def identifiable_ceiling_bits(self, N: int) -> float:
        return 0.0


@lru_cache
def exchanged_levels(N: int, bins: int) -> dict[int, int]:
    """Which level is paid in place of which: fixed for given N and bins, and never everything as it was."""
    levels = list(reached_levels(N, bins))
    exchanged, shuffler = list(levels), Shuffler(f"shuffled_bins {N} {bins}")
    while exchanged == levels:
        shuffler.shuffle(exchanged)
    return dict(zip(levels, exchanged, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledBins(BinnedLogDistance):
    """The binned reward behind a fixed random permutation of the levels it reaches."""

    name: ClassVar[str] = "shuffled_bins"

    @property
    def plateau(self) -> None:
        return None

    def _level(self, distance: int | None) -> int:
        if distance is None:
            return 0
        return exchanged_levels(self.N, self.bins)[level_of(distance, self.N, self.bins)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HigherLower(Channel):
    """1 when the guess is the secret or above it; the mean over a sequence."""

    name: ClassVar[str] = "higher_lower"
    tuned: ClassVar[Tuning] = COIN
    by_form: ClassVar[bool] = False
    several: ClassVar = "mean"
    length: int = 1

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls(length=game.length_in_numbers)

    @property
    def levels(self) -> int:
        return self.length + 1

    @property
    def plateau(self) -> None:
        return None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        offsets = signed_offsets(grade, self.name)
        return Payment(total=sum(offset is not None and offset >= 0 for offset in offsets) / len(offsets))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyBinary(Channel):
    """The binary reward, wrong with probability `flip_probability`."""

    name: ClassVar[str] = "noisy_binary"
    tuned: ClassVar[Tuning] = COIN
    deterministic: ClassVar[bool] = False
    by_form: ClassVar[bool] = False
    several: ClassVar = "hits"
    flip_probability: float

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls(flip_probability=options.flip_probability)

    @property
    def noise(self) -> float:
        return self.flip_probability

    def __post_init__(self) -> None:
        if not 0 <= self.flip_probability <= 0.5:  # above, it would be the opposite reward with less noise
            raise ConfigError(
                f"flip_probability lies in [0, 0.5], got {self.flip_probability}. Half a bit a rollout is 0.11."
            )

    @property
    def levels(self) -> int:
        return 2

    @property
    def plateau(self) -> int | None:
        return 0 if self.flip_probability < 0.5 else None

    def __call__(self, grade: Grade, draw: float) -> Payment:
        is_flipped = draw < self.flip_probability
        return Payment(total=float(was_read(grade) and all(grade.hits) != is_flipped))
