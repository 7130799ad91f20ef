"""All that `surrogate` knows of one prompt: replies that can be believed in, what was said, what it was paid.

    pool       replies with their probability at the start, as they came: listed, drawn unpaid, written by the policy
    states     how the start holds them: hidden states by layer, and vectors of their tokens, where they are compared
    model      the belief, which grows by rows                                        (`algorithms.reward_model`)

States are a function of the start, so a checkpoint keeps none: they are read again, in the pieces they were read in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from straw.algorithms.reward_model.fields import Paid, Turns, joined
from straw.algorithms.reward_model.likeness import Array, Replies
from straw.algorithms.reward_model.model import RewardModel, shares
from straw.engines.base import Engine
from straw.training.learners.soft_targets import TargetDistribution
from straw.types import Datum


@dataclass(slots=True)
class ReplyLog:
    pool: dict[Turns, tuple[Datum, float]] = field(default_factory=dict)  # with what the start gave to it, in nats
    said: list[Turns] = field(default_factory=list)
    paid: list[Paid] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)  # how many replies came into the pool together
    model: RewardModel = field(default_factory=RewardModel)
    is_whole: bool = False  # the pool has what the start would write
    states: list[Array] = field(default_factory=list)  # of each piece, [replies, layers, width]

    def add(self, nats: Mapping[Turns, tuple[Datum, float]]) -> None:
        """Replies that are not in the pool yet."""
        if nats:
            self.pool.update(nats)
            self.pieces.append(len(nats))

    def belief(self, engine: Engine, layers: int, dictionary: bool, full: float) -> TargetDistribution:
        data, nats = zip(*self.pool.values(), strict=True)
        prior = np.exp(np.array(nats) - max(nats))
        found = shares(
            self.model,
            lambda: self.replies(engine, layers, dictionary),
            self.said,
            self.paid,
            [*self.pool],
            prior,
            full,
        )
        return TargetDistribution(data, found)

    def replies(self, engine: Engine, layers: int, dictionary: bool) -> Replies:
        """As the reward model compares them."""
        tokens = [joined(one)[0] for one in self.pool]
        if not layers:
            return Replies(tokens, dictionary=dictionary)
        data = [datum for datum, _ in self.pool.values()]
        for piece in self.pieces[len(self.states) :]:
            begin = sum(map(len, self.states))
            self.states.append(np.stack(engine.layers(data[begin : begin + piece], layers)))
        known = sorted({token for one in tokens for token in one})
        vectors = dict(zip(known, engine.token_vectors(known), strict=True))
        return Replies(tokens, np.concatenate(self.states), vectors, dictionary)

    def state_dict(self) -> dict[str, Any]:
        pool = [[said, datum.tokens, datum.weights, nats] for said, (datum, nats) in self.pool.items()]
        prompts = [datum.prompt for datum, _ in self.pool.values()][:1]  # they have but one
        return {
            "prompts": prompts, "pool": pool, "said": self.said, "paid": self.paid, "pieces": self.pieces,
            "is_whole": self.is_whole, "model": self.model.state_dict(),
        }  # fmt: skip

    @classmethod
    def recalled(cls, state: Mapping[str, Any]) -> Self:
        log = cls(
            said=[turns_of(said) for said in state["said"]], paid=[tuple(paid) for paid in state["paid"]],
            pieces=list(state.get("pieces", [len(state["pool"])])), is_whole=bool(state.get("is_whole")),
            model=RewardModel(state.get("model")),
        )  # fmt: skip
        for said, tokens, weights, nats in state["pool"]:
            datum = Datum(prompt=tuple(state["prompts"][0]), tokens=tuple(tokens), weights=tuple(weights))
            log.pool[turns_of(said)] = datum, nats
        return log


def turns_of(record: Sequence[Sequence[int]]) -> Turns:
    return tuple(tuple(turn) for turn in record)
