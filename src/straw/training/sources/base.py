"""Where the rollouts of a step come from, graded and paid.

at once        written when they are asked for, later ones too while nothing is learned     prefetch.py
lagged         written max_lag steps ahead, by exactly that version                         lagged.py
free           written whenever a generator has time, by the newest weights there are       free.py
none           supervised learning samples nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from straw.engines.base import Sampler, SamplingParams
from straw.rollouts.collect import SeedKey, collect
from straw.training.plan import Plan
from straw.training.sources.pass_rates import PassRates
from straw.training.sources.problems import has_variance, index_at, problems_of, redrawn
from straw.types import Metric, Problem, Rollout

Groups = list[list[Rollout]]


class Source(Protocol):
    def rollouts(self, step: int) -> Groups:
        """The groups of this step."""

    def facts(self) -> dict[str, Metric]:
        """What a row of metrics says of them."""

    def state(self) -> dict[str, Any]:
        """What the run's state has to keep of what was begun, by the names of its fields."""

    def opened(self) -> AbstractContextManager[Any]:
        """For as long as the run goes on."""


class NoRollouts:
    """Nothing is sampled."""

    def rollouts(self, step: int) -> Groups:
        return []

    def facts(self) -> dict[str, Metric]:
        return {}

    def state(self) -> dict[str, Any]:
        return {}

    def opened(self) -> AbstractContextManager[Any]:
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Collector:
    """Rollouts at problems, which are a function of their place in the run and of the weights."""

    plan: Plan
    sampling: SamplingParams
    rates: PassRates = field(default_factory=PassRates)

    def problems(self, step: int) -> list[Problem]:
        """Those of a step, one for each group."""
        return problems_of(self.plan, step, self.rates)

    def of(self, step: int, sampler: Sampler) -> Groups:
        return self.of_all([step], sampler)[0]

    def of_all(self, steps: Sequence[int], sampler: Sampler) -> list[Groups]:
        """Of each step its groups, those that were drawn again behind them."""
        size = self.plan.page.algorithm.batch_size
        problems = [problem for step in steps for problem in self.problems(step)]
        seed_keys = [SeedKey(self.plan.page.run.seed, step, group) for step in steps for group in range(size)]
        groups = self.collected(problems, seed_keys, sampler)
        by_step = [groups[first : first + size] for first in range(0, len(groups), size)]
        if not self.plan.page.problems.redraws:
            return by_step
        return [self.with_redraws(step, first, sampler) for step, first in zip(steps, by_step, strict=True)]

    def with_redraws(self, step: int, groups: Groups, sampler: Sampler) -> Groups:
        """As many groups again as are paid alike, at other problems, until there are none or it is enough."""
        page, size = self.plan.page, len(groups)
        for number in range(1, page.problems.redraws + 1):
            lacking = range(size - sum(map(has_variance, groups)))
            if not lacking:
                break
            problems = redrawn(self.plan, step, number, len(lacking), self.rates)
            seed_keys = [SeedKey(page.run.seed, step, number * size + slot) for slot in lacking]
            groups = groups + self.collected(problems, seed_keys, sampler)
        return groups

    def of_groups(self, numbers: Sequence[int], sampler: Sampler) -> Groups:
        """Of groups that are counted through the run, from 0."""
        size = self.plan.page.algorithm.batch_size
        problems = [self.plan.task.problem(index_at(self.plan, number)) for number in numbers]
        seed_keys = [SeedKey(self.plan.page.run.seed, 1 + number // size, number % size) for number in numbers]
        return self.collected(problems, seed_keys, sampler)

    def collected(self, problems: Sequence[Problem], seed_keys: Sequence[SeedKey], sampler: Sampler) -> Groups:
        size = self.plan.page.algorithm.group_size
        return collect(sampler, self.plan.task, self.plan.channel, problems, seed_keys, size, self.sampling)
