"""What a reward is: a channel from facts to numbers, which says how much it can say.

    channel(grade, draw) -> Payment        at most log2(levels) bits an attempt

`draw` in [0, 1) is the only randomness a channel meets, so that a run can be played again. A reply that could
not be read pays 0, whatever the channel.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from straw.errors import ConfigError
from straw.types import Grade, Payment


class Channel(ABC):
    """Pays for a grade.

    `levels` is how many values the total can take (how many tuples when turns are paid one by one), None when
    undeclared; they lie from `lowest` to `highest`. `plateau` is the largest distance that still earns the highest
    pay, None when the highest pay does not point at the secret.
    """

    __slots__ = ()

    name: ClassVar[str]
    deterministic: ClassVar[bool] = True

    @property
    @abstractmethod
    def levels(self) -> int | None: ...

    @property
    def lowest(self) -> float:
        return 0.0

    @property
    def highest(self) -> float:
        """Full reward."""
        return 1.0

    @property
    def plateau(self) -> int | None:
        return 0

    def full(self, grade: Grade) -> float | None:
        """What a right reply with the length of this one is owed; None when the channel owes it nothing."""
        return None if self.plateau is None else self.highest

    @abstractmethod
    def __call__(self, grade: Grade, draw: float) -> Payment: ...

    def identifiable_ceiling_bits(self, N: int) -> float | None:
        """log2 N - log2(answers that earn the highest pay): what maximising the reward can tell of one secret.

        Counted for a secret away from the edges: 2 plateau + 1 answers. N=1024 in two bins: 10 - log2 61 = 4.07.
        None when the highest pay does not point at the secret.
        """
        if self.plateau is None:
            return None
        return math.log2(N) - math.log2(min(N, 2 * self.plateau + 1))


def distances(grade: Grade, channel: str) -> list[int | None]:
    """How far each guess was from its secret; None for one that could not be read."""
    return [None if offset is None else abs(offset) for offset in signed_offsets(grade, channel)]


def signed_offsets(grade: Grade, channel: str) -> tuple[int | None, ...]:
    if not grade.offsets:
        raise ConfigError(f"{channel} pays by distance, and this task knows none: write reward_type=binary")
    return grade.offsets


def was_read(grade: Grade) -> bool:
    return None not in grade.offsets


def num_sums(values: set[int], length: int) -> int:
    """How many different sums `length` of these values have: the levels of a mean over a sequence."""
    sums = {0}
    for _ in range(length):
        sums = {before + value for before in sums for value in values}
    return len(sums)
