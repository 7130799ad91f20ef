"""The rollouts of a step of evolution strategies: each member of the population answers every problem once.

    group of problem p      rollout of member 1, of member 2, ... of member N

A rollout's seeds are a function of its place, as everywhere, so nothing depends on who writes it, or when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from straw.engines.base import Engine
from straw.rollouts.collect import SeedKey, finish, paid_by_step, sample_turns
from straw.training.sources.base import Collector, Groups
from straw.types import Rollout


@dataclass(frozen=True, slots=True)
class Members:
    collector: Collector
    engine: Engine
    sigma: float
    greedy: bool
    seeds: Callable[[int], list[int]]  # of the noise of each member, in this step

    @property
    def size(self) -> int:
        return self.collector.plan.page.algorithm.group_size

    def keys(self, step: int) -> list[SeedKey]:
        page = self.collector.plan.page
        return [SeedKey(page.run.seed, step, group) for group in range(page.algorithm.batch_size)]

    def of(self, step: int, member: int) -> list[Rollout]:
        """One rollout at each problem, graded and not yet paid."""
        task, engine, params = self.collector.plan.task, self.engine, self.collector.sampling
        params = replace(params, temperature=0.0) if self.greedy else params
        problems = self.collector.problems(step)
        seats = [[(key, member)] for key in self.keys(step)]
        with engine.noisy(self.seeds(step)[member], self.sigma):
            written = sample_turns(engine, task, problems, seats, params)
        return [finish(engine.chat, task, one, turns) for one, (turns,) in zip(problems, written, strict=True)]

    def paid(self, step: int, answers: Mapping[int, list[Rollout]]) -> Groups:
        """Everybody's, by problem."""
        keys, members = self.keys(step), range(self.size)
        groups = {group: [answers[member][group] for member in members] for group in range(len(keys))}
        coins = {group: [key.coin(member) for member in members] for group, key in enumerate(keys)}
        return paid_by_step(self.collector.plan.channel, keys, groups, coins)
