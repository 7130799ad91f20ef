"""Rewards for how a rollout came out.

    binary               1 when every turn is right, else 0
    plus_minus           +1 when every turn is right, else -1
    log_distance         more for a near miss than for a far one      (log_distance.py)
    binned_log_distance  the same in a few levels                     (log_distance.py)
    dense                one 0/1 per turn
    weighted             a sum of named parts                         (weighted.py, parts.py)
    random, shuffled_bins, higher_lower, noisy_binary                 (controls.py)
    told_in_words, told_which_digit  1 when right, and words          (words.py)

A dense reward is k bits a rollout only while each turn is credited by itself: once summed it is a count in
0..k, 2.3 bits of six for a fair coin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from straw.config.tuning import Tuning
from straw.errors import ConfigError, did_you_mean
from straw.registry import find
from straw.rewards.channel import COIN, Channel, Game, RewardOptions
from straw.rewards.function import FunctionReward
from straw.types import Grade, Payment

CREDITS = ("turn", "sum")


@dataclass(frozen=True, slots=True)
class Binary(Channel):
    """1 when every turn, and every secret of a sequence, is right, else 0."""

    name: ClassVar[str] = "binary"
    tuned: ClassVar[Tuning] = Tuning(values={"learning_rate": 3e-4, "replay": 1}, whole=4.0, adapters=10.0)
    by_form: ClassVar[bool] = False
    several: ClassVar = "hits"

    @property
    def levels(self) -> int:
        return 2

    def __call__(self, grade: Grade, draw: float) -> Payment:
        return Payment(total=float(all(grade.hits)))


@dataclass(frozen=True, slots=True)
class PlusMinus(Channel):
    """+1 when every turn is right, else -1, readable or not: binary, with the zero in the middle."""

    name: ClassVar[str] = "plus_minus"
    tuned: ClassVar[Tuning] = COIN
    by_form: ClassVar[bool] = False
    several: ClassVar = "hits"

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
    per_part: ClassVar[bool] = True
    by_form: ClassVar[bool] = False
    several: ClassVar = "hits"
    num_hits: int
    credit: str = "turn"

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        if game.length > 1 and options.credit == "turn":
            raise ConfigError(
                f"credit=turn pays turns, and a sequence of length={game.length} is one turn. Write credit=sum."
            )
        return cls(num_hits=game.num_turns * game.length, credit=options.credit)

    @classmethod
    def tuning(cls, options: RewardOptions) -> Tuning:
        if options.credit == "sum":
            return Tuning(values={"learning_rate": 1e-4, "baseline": "ema", "kl_coef": 0.05}, episodes_per_bit=140)
        return Tuning(values={"learning_rate": 1.5e-4, "baseline": "constant", "kl_coef": 0.05}, episodes_per_bit=70)

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


def make_channel(
    options: RewardOptions, N: int | None, num_turns: int, length: int = 1, reply_limit: int | None = None,
    num_steps: int | None = None,
) -> Channel:  # fmt: skip
    """The channel that `reward_type` names, for guesses in [0, N), conversations and sequences this long.

    N=None: a task whose answers have no distance from each other. `reply_limit` is in tokens, where it was chosen.
    """
    if N is not None and N < 1:
        raise ConfigError(f"a channel is for guesses in [0, N), so N >= 1; got N={N}. For six bits write N=64.")
    game = Game(num_guesses=N, num_turns=num_turns, length=length, reply_limit=reply_limit, num_steps=num_steps)
    found: Any = find("rewards", options.reward_type or "binary")
    if hasattr(found, "from_options"):
        made: Channel = found.from_options(options, game)
        return made
    return FunctionReward(found, num_steps)
