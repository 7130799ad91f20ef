"""What a reward is: a channel from facts to numbers, which says how much it can say.

    channel(grade, draw) -> Payment        at most log2(levels) bits a rollout

`draw` in [0, 1) is the only randomness a channel meets, so that a run can be played again. A reply that could
not be read pays 0, whatever the channel.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

from straw.config.tuning import MODEST, Tuning
from straw.errors import ConfigError
from straw.types import Grade, Payment, Rollout

COIN = Tuning(values={"learning_rate": 3e-4, "replay": 1})  # as rare as right or wrong, not to be believed at once


class RewardOptions(Protocol):
    """What a page says about the reward."""

    @property
    def reward_type(self) -> str | None: ...
    @property
    def reward_bins(self) -> int: ...
    @property
    def form(self) -> Any: ...
    @property
    def credit(self) -> Any: ...
    @property
    def flip_probability(self) -> float: ...
    @property
    def reward_weights(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """What a channel needs to know of the task: guesses in [0, N) or none, turns, items of a sequence."""

    num_guesses: int | None = None  # None: answers have no distance from each other
    num_turns: int = 1
    length: int = 1
    reply_limit: int | None = None  # tokens
    num_steps: int | None = None  # of the run

    @property
    def N(self) -> int:
        if self.num_guesses is None:
            raise ConfigError(
                "a channel that pays by distance is for guesses in [0, N), and this task knows none: write "
                "reward_type=plus_minus or reward_type=binary"
            )
        return self.num_guesses

    @property
    def length_in_numbers(self) -> int:
        """How many guesses one reply holds; refused where they have no distance."""
        assert self.N
        return self.length


class Channel(ABC):
    """Pays for a grade.

    `levels` is how many values the total can take (how many tuples when turns are paid one by one), None when
    undeclared; they lie from `lowest` to `highest`. `plateau` is the largest distance that still earns the highest
    pay, None when the highest pay does not point at the secret.

    What an ideal observer may conclude is declared as well; what is left out is taken for the worst. `by_form`: the
    pay depends on more of a grade than hits and offsets. `several`: how several parts are paid, by which of them are
    right and nothing else ("hits"), or by the mean of what each would earn alone ("mean"). `noise`: the probability
    that right and wrong are paid the other way round, of a channel that does so.

    >>> class Half(straw.Channel):
    ...     name, levels = "half", 3
    ...
    ...     def __call__(self, grade, draw):
    ...         return straw.Payment(total=1.0 if all(grade.hits) else 0.5 if grade.well_formed else 0.0)
    >>> Half()(straw.Grade(hits=(False,), well_formed=True), draw=0.0).total
    0.5
    """

    __slots__ = ()

    name: ClassVar[str]
    deterministic: ClassVar[bool] = True
    per_part: ClassVar[bool] = False  # whether each turn, or item of a sequence, is paid by itself
    by_form: ClassVar[bool] = True
    several: ClassVar[Literal["hits", "mean"] | None] = None
    tells_nothing: ClassVar[bool] = False
    reads_replies: ClassVar[bool] = False  # and not only grades
    speaks: ClassVar[bool] = False  # words beside the number; `levels` counts both together
    tuned: ClassVar[Tuning] = MODEST

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        return cls()

    @classmethod
    def tuning(cls, options: RewardOptions) -> Tuning:
        """What was tuned for it, where that depends on the page."""
        return cls.tuned

    @property
    def noise(self) -> float | None:
        return None

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

    def pay(self, rollouts: Sequence[Rollout], draws: Sequence[float], step: int) -> list[Payment]:
        """The rollouts of a step, each with its draw."""
        return [self(one.grade, draw) for one, draw in zip(rollouts, draws, strict=True)]

    def tells_apart(self, guess: int, secrets: Any) -> Any:
        """Of an array of secrets a label each, equal where this guess would be told alike; None: as its pay says.

        For channels of one number that tell more than they pay, or by more than the distance.
        """
        return None

    def word(self, label: int) -> str:
        """What is said of a label of `tells_apart`, by a channel that speaks."""
        raise NotImplementedError

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
