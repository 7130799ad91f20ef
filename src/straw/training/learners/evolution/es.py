"""ES: evolution strategies at scale, no gradient at all (Qiu et al., arXiv 2509.24372).

    weights of member n     w + sigma e_n                          e_n: normal noise from a seed, n = 1 .. N
    its reward              R_n, its Z-score over the members      Z_n = (R_n - mean) / std
    update                  w + rate / N  sum over n of  Z_n e_n

A group has one rollout of each member: every member is an episode at each problem of the batch, and its reward is the
mean over them. As in the paper noise is remembered by its seed alone, members answer greedily (es_greedy), and sigma is
part of the rate, which is learning_rate here, with its schedule. It differs in one thing: weights are put back from a
copy instead of by subtraction, so that no rounding is left behind.

With es_processes above 1 members are shared out among processes. Each has the whole model; what they exchange is which
step it is, rollouts, and every member's reward, from which each makes the same update: the same bits on any number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from straw.config import Algorithm, Page
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.seeds import seed_for
from straw.training.learners.base import Groups
from straw.training.learners.evolution.members import Members
from straw.training.learners.evolution.processes import Helpers
from straw.training.plan import Plan
from straw.training.schedule import learning_rate_at
from straw.training.sources.base import Collector, Source
from straw.types import Metric


@dataclass(frozen=True, kw_only=True)
class EvolutionOptions(Algorithm):
    sigma: float | None = option(
        None, "the size of the noise that makes a member of es; none: as tuned", example=1e-3, above=0, at_most=10
    )
    es_greedy: bool = option(True, "whether a member of es takes the likeliest token, instead of drawing")
    es_processes: int = option(
        1, "the number of processes that share out the members of es; any number leaves the same bits",
        at_least=1, at_most=1_024,
    )  # fmt: skip


class EvolutionStrategies:
    Options = EvolutionOptions
    needs = ("noisy", "add_noise")
    keeps_log = False
    facts: Mapping[str, float] = {}

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        self.plan, self.engine = plan, engine
        self.helpers: Helpers | None = None

    @staticmethod
    def check_page(page: Page) -> None:
        algorithm, model = page.algorithm, page.model
        assert isinstance(algorithm, EvolutionOptions)
        if algorithm.group_size < 2:
            raise ConfigError("es compares members with each other; got group_size=1. Write for example group_size=32.")
        if page.engine.max_lag:
            raise ConfigError(
                f"a member of es is the newest weights and noise; got max_lag={page.engine.max_lag}. Write max_lag=0."
            )
        if algorithm.es_processes > 1 and (model.threads > 1 or model.device != "cpu"):
            raise ConfigError(
                f"processes of es are copies of this one, which a GPU and threads of torch do not survive; got "
                f"es_processes={algorithm.es_processes} with device={model.device} and threads={model.threads}. Write "
                "es_processes=1, or device=cpu threads=1."
            )

    def source(self, collector: Collector) -> Source:
        """Rollouts are drawn from other weights than the policy's, so no other source will do."""
        algorithm = self.plan.page.algorithm
        assert isinstance(algorithm, EvolutionOptions)
        members = Members(collector, self.engine, float(algorithm.sigma or 0), algorithm.es_greedy, self.seeds)
        self.helpers = Helpers(members, self.move, algorithm.es_processes)
        return self.helpers

    def seeds(self, step: int) -> list[int]:
        """Of the noise of each member."""
        run_seed, size = self.plan.page.run.seed, self.plan.page.algorithm.group_size
        return [seed_for(run_seed, "member", step, member) for member in range(size)]

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        rewards = member_rewards(told)
        if self.helpers is not None:
            self.helpers.tell(step, rewards)
        found = {name: Metric(value) for name, value in self.move(step, rewards).items()}
        return {**found, "member_reward_std": Metric(spread(rewards))}

    def move(self, step: int, rewards: Sequence[float]) -> dict[str, float]:
        """The update, wherever it is made; none where all members were paid alike."""
        scores = z_scores(rewards)
        if not any(scores):
            return {"updates": 0.0}
        rate = learning_rate_at(self.plan.page.optimizer, step - 1, int(self.plan.page.run.n_batches or 0))
        self.engine.add_noise(self.seeds(step), [rate * score / len(scores) for score in scores])
        self.engine.publish()
        return {"updates": 1.0, "learning_rate": rate}

    def state_dict(self) -> dict[str, Any]:
        """All is in the weights."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


def member_rewards(groups: Groups) -> list[float]:
    """Of each member the mean over the problems that it answered."""
    return [math.fsum(one.reward for one in answers) / len(answers) for answers in zip(*groups, strict=True)]


def spread(rewards: Sequence[float]) -> float:
    """The standard deviation of a population; exactly 0 where all are equal."""
    if all(one == rewards[0] for one in rewards):
        return 0.0
    mean = math.fsum(rewards) / len(rewards)
    return math.sqrt(math.fsum((one - mean) ** 2 for one in rewards) / len(rewards))


def z_scores(rewards: Sequence[float]) -> list[float]:
    mean, std = math.fsum(rewards) / len(rewards), spread(rewards)
    return [(one - mean) / std if std else 0.0 for one in rewards]
