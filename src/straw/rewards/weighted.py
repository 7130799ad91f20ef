"""A weighted sum of named parts, each logged under its own name.

    reward = sum over parts of weight * part        reward_weights = correctness=1,integer=0.5,xmlcount=0.5

A part of weight 0 is measured and not paid; one that is not named is neither. One that could not be computed adds
nothing and is absent from the record, since a zero would say that it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Self

from straw.config.tuning import Tuning
from straw.errors import ConfigError, did_you_mean
from straw.outside import is_spelled
from straw.registry import find
from straw.rewards.channel import COIN, Channel, Game, RewardOptions
from straw.rewards.function import FunctionReward
from straw.rewards.parts import PARTS
from straw.types import Grade, Payment, Rollout

EXAMPLE = "correctness=1,integer=0.5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted(Channel):
    """Parts by name with their weights, in the order of PARTS. `limit` is the most tokens of a reply."""

    name: ClassVar[str] = "weighted"
    tuned: ClassVar[Tuning] = COIN
    weights: tuple[tuple[str, float], ...]
    limit: int | None = None
    functions: tuple[tuple[FunctionReward, float], ...] = ()  # of somebody else, with their weights

    @classmethod
    def from_options(cls, options: RewardOptions, game: Game) -> Self:
        words = options.reward_weights
        named, outside = [one for one in words if not is_outside(one)], [one for one in words if is_outside(one)]
        return cls(
            weights=read_weights(named) if named or not outside else (), limit=game.reply_limit,
            functions=tuple(read_function(one, game.num_steps) for one in outside),
        )  # fmt: skip

    def __post_init__(self) -> None:
        for name, _ in self.weights:
            if PARTS[name].needs_limit and self.limit is None:
                raise ConfigError(
                    f"the reward part {name} measures a reply against the most tokens that it may have, and that was "
                    "left open. Write for example max_tokens=200."
                )

    @property
    def levels(self) -> int | None:
        if self.functions:
            return None
        values = [[weight * value for value in PARTS[name].values or ()] for name, weight in self.weights if weight]
        return len({math.fsum(sums) for sums in product(*values)}) if all(values) else None

    @property
    def lowest(self) -> float:
        least = sum(weight * PARTS[name].lowest for name, weight in self.weights)
        return least + sum(weight * one.lowest for one, weight in self.functions if weight)

    @property
    def highest(self) -> float:
        most = sum(weight * PARTS[name].highest for name, weight in self.weights)
        return most + sum(weight * one.highest for one, weight in self.functions if weight)

    @property
    def reads_replies(self) -> bool:  # type: ignore[override]
        return bool(self.functions)

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        return all(one.deterministic for one, _ in self.functions)

    @property
    def plateau(self) -> int | None:
        """Formats alone say nothing of the answer, and nobody knows of a function."""
        if self.functions:
            return None
        return 0 if any(weight and PARTS[name].points_at_the_answer for name, weight in self.weights) else None

    def full(self, grade: Grade) -> float | None:
        """Every part in full, as far as a right reply can get it; formats owe it to a reference as correctness does."""
        if self.functions:
            return None
        return sum(weight * self._full_part(name, grade) for name, weight in self.weights if weight)

    def _full_part(self, name: str, grade: Grade) -> float:
        part = PARTS[name]
        if part.pays(grade, self.limit) is None:
            raise ConfigError(
                f"the reward part {name} pays for a fact that this task does not report of its own reference reply: "
                f"leave it out of reward_weights, or write {name}=0"
            )
        return 1.0 if part.full is None else part.full(grade, self.limit) or 0.0

    def __call__(self, grade: Grade, draw: float) -> Payment:
        found = {name: PARTS[name].pays(grade, self.limit) for name, _ in self.weights}
        raw = {name: value for name, value in found.items() if value is not None}
        parts = {name: weight * raw[name] for name, weight in self.weights if name in raw}
        return Payment(total=sum(parts.values()), parts=parts, raw=raw)

    def pay(self, rollouts: Sequence[Rollout], draws: Sequence[float], step: int) -> list[Payment]:
        """The parts of each grade, and what the functions say of all together."""
        paid = [self(one.grade, draw) for one, draw in zip(rollouts, draws, strict=True)]
        for function, weight in self.functions:
            more = function.pay(rollouts, draws, step)
            paid = [with_part(one, other, weight) for one, other in zip(paid, more, strict=True)]
        return paid


def with_part(paid: Payment, more: Payment, weight: float) -> Payment:
    """One more part, where there is any."""
    raw = dict(more.parts or {})
    parts = {**(paid.parts or {}), **{name: weight * value for name, value in raw.items()}}
    return Payment(
        total=sum(parts.values()), parts=parts, raw={**paid.raw, **raw}, extra={**paid.extra, **more.extra},
        metrics={**paid.metrics, **more.metrics},
    )  # fmt: skip


def is_outside(word: str) -> bool:
    return is_spelled(word.strip()) or is_spelled(word.rpartition("=")[0].strip())


def read_function(word: str, num_steps: int | None) -> tuple[FunctionReward, float]:
    """mine.py:f=0.5, a function with its weight; 1 where none is written."""
    name, weight = (word.strip(), "1") if is_spelled(word.strip()) else map(str.strip, word.rsplit("=", 1))
    found = find("rewards", name)
    if hasattr(found, "from_options"):
        raise ConfigError(f"a part of a weighted reward is a function; {name} is a channel. Write reward_type={name}.")
    return FunctionReward(found, num_steps), read_weight(name, weight)


def read_weights(words: Iterable[str]) -> tuple[tuple[str, float], ...]:
    """("correctness=1", "integer=0.5") as pairs, in the order of PARTS whatever the order of the words."""
    weights: dict[str, float] = {}
    for word in words:
        name, equals, text = (piece.strip() for piece in word.partition("="))
        if name not in PARTS:
            raise ConfigError(f"there is no reward part {name!r}; {did_you_mean(name, PARTS)}")
        if name in weights:
            raise ConfigError(f"each part has one weight; reward_weights names {name} twice. Leave one of them.")
        weights[name] = read_weight(name, text if equals else "")
    if not weights:
        raise ConfigError(f"a weighted reward has parts; reward_weights names none. Write reward_weights={EXAMPLE}.")
    return in_order(weights)


def read_weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise ConfigError(
            f"a part has a weight of 0 or more; got {name}={text or 'nothing'} in reward_weights. "
            f"Write for example {name}=1."
        )
    return weight


def in_order(weights: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((name, weights[name]) for name in PARTS if name in weights)
