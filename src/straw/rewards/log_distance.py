"""Reward by log distance: a near miss pays more than a far one.

    x = max(0, 1 - log2(|guess - secret| + 1) / log2 N)          log_distance
    round(x (B - 1)) / (B - 1)                                   binned_log_distance, half to even

An exact guess pays 1, the farthest pays 0, and so does a reply that could not be read. Coarse bins pay 1 for
near misses too, and not every one of many bins is reached: N=1024 in 32 bins has 29 levels. A sequence of
secrets is paid the mean over its items.

Half-way cases hang on the last bit of a float64 (N=64, B=4, distance 31: 0.4999999999999999), so the formula is
computed exactly as it is written here, with `math.log2`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

from straw.config.tuning import Tuning
from straw.errors import ConfigError, did_you_mean
from straw.rewards.channel import Channel, Game, RewardOptions, distances, num_sums
from straw.types import Grade, Payment

FORMS = ("normalised", "raw")
BY_DISTANCE = Tuning(
    values={"learning_rate": 2e-4, "baseline": "optimistic", "optimism": 0.1, "replay": 1, "kl_coef": 0.05},
    episodes_per_bit=100,
)


def closeness(distance: int, N: int) -> float:
    """1 for an exact guess, 0 for one N - 1 or more away."""
    if N == 1:
        return 1.0 if distance == 0 else 0.0
    return max(0.0, 1.0 - math.log2(distance + 1) / math.log2(N))


def level_of(distance: int, N: int, bins: int) -> int:
    """The bin, 0 to bins - 1, that a distance falls into."""
    return round(closeness(distance, N) * (bins - 1))


@lru_cache
def reached_levels(N: int, bins: int) -> dict[int, int]:
    """The smallest distance of every level that some guess reaches, highest level first.

    Level 0 is always there: a reply that could not be read has it.
    """
    reached = dict(_walk_down(N, bins))
    reached.setdefault(0, N)
    return reached


def _walk_down(N: int, bins: int) -> Iterator[tuple[int, int]]:
    distance = 0
    while distance < N:
        level = level_of(distance, N, bins)
        yield level, distance
        distance = _first_below(level, distance, N, bins)


def _first_below(level: int, distance: int, N: int, bins: int) -> int:
    """The smallest distance behind this one with a lower level, or N (by halving: N may be huge)."""
    same, lower = distance, N
    while lower - same > 1:
        middle = (same + lower) // 2
        if level_of(middle, N, bins) == level:
            same = middle
        else:
            lower = middle
    return lower


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDistance(Channel):
    """One level per distance. `raw` pays -log10(distance + 1): same order, other scale, the lower the larger N is.

    In the raw form an unread reply pays like the farthest guess of the range, -log10 N: 0 would be the highest pay. So
    does a number that bits spell beyond N - 1, however far, for a reply that can be read never pays less.
    """

    name: ClassVar[str] = "log_distance"
    tuned: ClassVar[Tuning] = BY_DISTANCE
    by_form: ClassVar[bool] = False
    several: ClassVar = "mean"
    N: int
    form: str = "normalised"

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls(N=game.N, form=options.form)

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ConfigError(f"log_distance has no form={self.form!r}; {did_you_mean(self.form, FORMS)}")

    @property
    def levels(self) -> None:
        return None

    @property
    def lowest(self) -> float:
        return 0.0 if self.form == "normalised" else self._raw(None)

    @property
    def highest(self) -> float:
        return 1.0 if self.form == "normalised" else 0.0

    def __call__(self, grade: Grade, draw: float) -> Payment:
        pay = self._raw if self.form == "raw" else self._normalised
        paid = [pay(distance) for distance in distances(grade, self.name)]
        return Payment(total=math.fsum(paid) / len(paid))

    def _normalised(self, distance: int | None) -> float:
        return 0.0 if distance is None else closeness(distance, self.N)

    def _raw(self, distance: int | None) -> float:
        farthest = self.N - 1
        return 0.0 - math.log10(min(farthest if distance is None else distance, farthest) + 1)  # 0.0 -, for no -0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BinnedLogDistance(Channel):
    """The closeness, rounded to `bins` levels. Eight bins say at most three bits."""

    name: ClassVar[str] = "binned_log_distance"
    tuned: ClassVar[Tuning] = BY_DISTANCE
    by_form: ClassVar[bool] = False
    several: ClassVar = "mean"
    N: int
    bins: int
    length: int = 1

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls(N=game.N, bins=options.reward_bins, length=game.length)

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise ConfigError(
                f"{self.name} needs reward_bins >= 2, got reward_bins={self.bins}: one bin always pays the same. "
                "For a 3-bit channel write reward_bins=8."
            )

    @property
    def levels(self) -> int:
        return num_sums(set(reached_levels(self.N, self.bins)), self.length)

    @property
    def plateau(self) -> int | None:
        return _first_below(self.bins - 1, 0, self.N, self.bins) - 1

    def __call__(self, grade: Grade, draw: float) -> Payment:
        levels = [self._level(distance) for distance in distances(grade, self.name)]
        return Payment(total=sum(levels) / (len(levels) * (self.bins - 1)))

    def _level(self, distance: int | None) -> int:
        return 0 if distance is None else level_of(distance, self.N, self.bins)
