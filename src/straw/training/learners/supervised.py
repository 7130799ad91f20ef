"""Supervised learning: an episode is a reading of the reference reply, on the counter of rollouts."""

from __future__ import annotations

from straw.engines.base import Engine, Loss
from straw.tasks.teacher_forcing import forced
from straw.training.learners.base import Groups
from straw.training.plan import Plan
from straw.training.sources.problems import problems_of
from straw.training.updates import Updates
from straw.types import Metric


class Supervised:
    def __init__(self, plan: Plan, engine: Engine, updates: Updates) -> None:
        self.plan, self.engine, self.updates = plan, engine, updates

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        size = self.plan.page.algorithm.group_size
        problems = [problem for problem in problems_of(self.plan, step) for _ in range(size)]
        weight = 1 / len(problems)
        data = [forced(self.engine.chat, self.plan.task, one, one.reference, weight) for one in problems]
        return self.updates.on(data, Loss(name=str(self.plan.page.algorithm.loss_fn)), step)
