"""A learner that makes data of its own: every token with an advantage, where a policy gradient has one for a turn.

    rollouts  ->  data(step, told, groups)  ->  the page's loss, KL penalty and entropy bonus  ->  updates

opd, sdpo       a token is worth what a teacher gives to it more than the policy does        distillation/
rltf_sd         second replies, behind words, are learned as first ones                      distillation/
ppo_critic      a token is worth what a value head had not expected (GAE)                    critic/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from straw.training.learners.base import Groups
from straw.training.learners.policy_gradient import loss_at
from straw.training.plan import Plan
from straw.training.updates import Updates
from straw.types import Datum, Metric


class DataLearner(Protocol):
    """`facts` go into every row of metrics; its state is plain JSON. It may name a loss (`loss_fn`) of its own."""

    @property
    def facts(self) -> Mapping[str, float]: ...

    def data(self, step: int, told: Groups, groups: Groups) -> Sequence[Datum]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class FromData:
    def __init__(self, plan: Plan, updates: Updates, own: DataLearner) -> None:
        self.plan, self.updates, self.own = plan, updates, own

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        data = self.own.data(step, told, groups)
        loss = loss_at(self.plan, step, self.updates.num_steps)
        found = self.updates.on(data, replace(loss, name=getattr(self.own, "loss_fn", loss.name)), step)
        return {**found, **{name: Metric(value) for name, value in self.own.facts.items()}}
