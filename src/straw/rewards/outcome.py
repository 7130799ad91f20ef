"""Rewards for how an attempt came out, and the table that names them.

    binary               1 when every turn is right, else 0
    plus_minus           +1 when every turn is right, else -1
    log_distance         more for a near miss than for a far one      (log_distance.py)
    binned_log_distance  the same in a few levels                     (log_distance.py)
    dense                one 0/1 per turn
    weighted             a sum of named parts                         (weighted.py, parts.py)
    random, shuffled_bins, higher_lower, noisy_binary                 (controls.py)

A dense reward is k bits an attempt only while each turn is credited by itself: once summed it is a count in
0..k, 2.3 bits of six for a fair coin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from straw.errors import ConfigError, did_you_mean
from straw.rewards.channel import Channel
from straw.rewards.controls import HigherLower, NoisyBinary, Random, ShuffledBins
from straw.rewards.log_distance import BinnedLogDistance, LogDistance
from straw.rewards.weighted import Weighted, read_weights
from straw.types import Grade, Payment

__all__ = [
    "CHANNELS",
    "Binary",
    "BinnedLogDistance",
    "Channel",
    "Dense",
    "HigherLower",
    "LogDistance",
    "NoisyBinary",
    "PlusMinus",
    "Random",
    "RewardOptions",
    "ShuffledBins",
    "Weighted",
    "make_channel",
]

CREDITS = ("turn", "sum")


@dataclass(frozen=True, slots=True)
class Binary(Channel):
    """1 when every turn, and every secret of a sequence, is right, else 0."""

    name: ClassVar[str] = "binary"

    @property
    def levels(self) -> int:
        return 2

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return Payment(total=float(all(grade.hits)))


@dataclass(frozen=True, slots=True)
class PlusMinus(Channel):
    """+1 when every turn is right, else -1, readable or not: binary, with the zero in the middle."""

    name: ClassVar[str] = "plus_minus"

    @property
    def levels(self) -> int:
        return 2

    @property
    def lowest(self) -> float:
        return -1.0

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return Payment(total=1.0 if all(grade.hits) else -1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Channel):
    """1 for every hit. credit=turn pays each turn by itself; credit=sum pays only how many were right.

    Example: hits (1, 0, 1) pay (1, 0, 1) by turn and 2 as a sum. `num_hits` counts a conversation's turns, or the
    secrets of a sequence, which is one turn and can only be summed.
    """

    name: ClassVar[str] = "dense"
    num_hits: int
    credit: str = "turn"

    def __post_init__(self) -> None:
        if self.credit not in CREDITS:
            raise ConfigError(f"dense has no credit={self.credit!r}; {did_you_mean(self.credit, CREDITS)}")

    @property
    def levels(self) -> int:
        return int(2**self.num_hits) if self.credit == "turn" else self.num_hits + 1

    @property
    def highest(self) -> float:
        return float(self.num_hits)

    def __call__(self, grade: Grade, draw: float) -> Payment:
        if len(grade.hits) != self.num_hits:
            raise ValueError(f"dense was made for {self.num_hits} hits, and the grade has {len(grade.hits)}")
        per_turn = tuple(float(hit) for hit in grade.hits)
        return Payment(total=sum(per_turn), per_turn=per_turn if self.credit == "turn" else None)


class RewardOptions(Protocol):
    """What a page says about the reward."""

    @property
    def reward_type(self) -> str | None: ...
    @property
    def reward_bins(self) -> int: ...
    @property
    def form(self) -> str: ...
    @property
    def credit(self) -> str: ...
    @property
    def flip_probability(self) -> float: ...
    @property
    def reward_weights(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Game:
    """What a channel needs to know of the task."""

    num_guesses: int | None  # None: answers have no distance from each other
    num_turns: int
    length: int
    reply_limit: int | None  # tokens

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
        """How many guesses with a distance one reply holds."""
        return self.length if self.N else 0


def _dense(options: RewardOptions, game: _Game) -> Dense:
    if game.length > 1 and options.credit == "turn":
        raise ConfigError(
            f"credit=turn pays turns, and a sequence of length={game.length} is one turn. Write credit=sum."
        )
    return Dense(num_hits=game.num_turns * game.length, credit=options.credit)


CHANNELS: dict[str, Callable[[RewardOptions, _Game], Channel]] = {
    "binary": lambda options, game: Binary(),
    "plus_minus": lambda options, game: PlusMinus(),
    "log_distance": lambda options, game: LogDistance(N=game.N, form=options.form),
    "binned_log_distance": lambda options, game: BinnedLogDistance(
        N=game.N, bins=options.reward_bins, length=game.length
    ),
    "dense": _dense,
    "random": lambda options, game: Random(),
    "shuffled_bins": lambda options, game: ShuffledBins(N=game.N, bins=options.reward_bins, length=game.length),
    "higher_lower": lambda options, game: HigherLower(length=game.length_in_numbers),
    "noisy_binary": lambda options, game: NoisyBinary(flip_probability=options.flip_probability),
    "weighted": lambda options, game: Weighted(weights=read_weights(options.reward_weights), limit=game.reply_limit),
}


def make_channel(
    options: RewardOptions, N: int | None, num_turns: int, length: int = 1, reply_limit: int | None = None
) -> Channel:
    """The channel that `reward_type` names, for guesses in [0, N), conversations and sequences this long.

    N=None: a task whose answers have no distance from each other. `reply_limit` is in tokens, where it was chosen.
    """
    name = options.reward_type or "binary"
    if name not in CHANNELS:
        raise ConfigError(f"there is no reward_type={name!r}; {did_you_mean(name, CHANNELS)}")
    if N is not None and N < 1:
        raise ConfigError(f"a channel is for guesses in [0, N), so N >= 1; got N={N}. For six bits write N=64.")
    return CHANNELS[name](options, _Game(num_guesses=N, num_turns=num_turns, length=length, reply_limit=reply_limit))
