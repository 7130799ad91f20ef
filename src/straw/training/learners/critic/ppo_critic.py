"""PPO with a critic (Schulman et al., arXiv 1707.06347): a value head expects what is yet to be paid, token by token.

    reward of a turn, on its last token  ->  GAE over the tokens that the policy wrote  ->  ppo's clip
    states before those tokens           ->  the value head learns its returns

No group is compared with itself. The head learns the first batch before that is judged by it: a head that expects 0
would praise whatever was written first. It is linear on the policy's own last hidden state, and no gradient of its loss
goes into the model, where PPO's usual implementations share or double it: a small critic, which costs one more reading.
Advantages are not whitened, since a batch in which nothing was paid would be noise blown up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from straw.config import Algorithm
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.rollouts.datums import spans, weighed_data
from straw.training.learners.base import Groups
from straw.training.learners.critic.value_head import ValueHead, gae
from straw.training.plan import Plan
from straw.types import Datum, Rollout

FIRST_UPDATES = 50


@dataclass(frozen=True, kw_only=True)
class CriticOptions(Algorithm):
    gamma: float = option(1.0, "the discount of a token's reward by one token", above=0, at_most=1)
    gae_lambda: float = option(0.95, "the decay lambda of generalised advantage estimation", at_least=0, at_most=1)
    critic_rate: float = option(0.01, "the learning rate of ppo_critic's value head", above=0, at_most=1)
    critic_updates: int = option(4, "the updates of ppo_critic's value head on one batch", at_least=1, at_most=1_000)


class Critic:
    Options = CriticOptions
    needs = ("states",)

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, CriticOptions)
        self.page, self.engine, self.options = plan.page, engine, plan.page.algorithm
        self.head = ValueHead(self.options.critic_rate)
        self.loss = 0.0

    @property
    def facts(self) -> Mapping[str, float]:
        return {"value_loss": self.loss}

    def data(self, step: int, told: Groups, groups: Groups) -> Sequence[Datum]:
        every = [one for group in groups for one in group]
        rollouts, data = weighed_data(every, str(self.page.algorithm.weigh))
        if not data:
            return []
        states = [all_of[written(one)] for one, all_of in zip(rollouts, self.engine.states(data), strict=True)]
        if not self.head.updates:
            self.begin(rollouts, states)
        values = [self.head.values(one) for one in states]
        worth = [
            gae(token_rewards(one), value.tolist(), self.options.gamma, self.options.gae_lambda)
            for one, value in zip(rollouts, values, strict=True)
        ]
        self.teach(states, [np.add(a, value) for a, value in zip(worth, values, strict=True)])
        return [spread(*row) for row in zip(data, rollouts, worth, strict=True)]

    def begin(self, rollouts: Sequence[Rollout], states: Sequence[Any]) -> None:
        """Before the first update of the policy: what was paid behind each token of the first batch."""
        returns = [np.cumsum(token_rewards(one)[::-1])[::-1] for one in rollouts]
        self.head.begin_at(float(np.concatenate(returns).mean()), states[0].shape[1])
        for _ in range(FIRST_UPDATES):
            self.head.learn(np.concatenate(states), np.concatenate(returns))

    def teach(self, states: Sequence[Any], returns: Sequence[Any]) -> None:
        """`loss` is what the head made of this batch before it learned it."""
        losses = [
            self.head.learn(np.concatenate(states), np.concatenate(returns)) for _ in range(self.options.critic_updates)
        ]
        self.loss = losses[0]

    def state_dict(self) -> dict[str, Any]:
        return self.head.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.head.load_state_dict(state)


def written(rollout: Rollout) -> list[int]:
    """The places of the policy's own tokens behind the first prompt."""
    return [place for first, last in spans(rollout) for place in range(first, last)]


def token_rewards(rollout: Rollout) -> list[float]:
    """A turn is paid on its last token where turns are paid one by one, else all of it on the rollout's last."""
    paid = rollout.turn_rewards or (*[0.0] * (len(rollout.turns) - 1), rollout.reward)
    found: list[float] = []
    for turn, reward in zip(rollout.turns, paid, strict=False):
        found += [*[0.0] * (len(turn.reply) - 1), reward]
    return found


def spread(datum: Datum, rollout: Rollout, worth: Sequence[float]) -> Datum:
    advantages = [0.0] * len(datum.tokens)
    for place, one in zip(written(rollout), worth, strict=True):
        advantages[place] = one
    return replace(datum, advantages=tuple(advantages))
