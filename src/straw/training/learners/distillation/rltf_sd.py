"""RLTF-SD: reinforcement learning from text feedback by self-distillation (Song et al., arXiv 2602.02482).

    x0 -> y0, paid r0, told words          x1 = x0, y0, words -> y1, paid r1
    distil    (r1 - mean r0) log p(y1 | x0)           second replies are learned as first ones
    climb     (r0 - mean r0) log p(y0 | x0)  +  (r1 - mean r1) log p(y1 | x1)

The policy that was told something writes better replies than the one that was not; they are learned behind the first
prompt, so that nothing needs to be told in the end. As in the paper the distilled reply is weighed by its advantage
over first replies, with no importance weight (that of p(y1 | x0) over p(y1 | x1) varies too much), and both turns are
climbed as well; here by the plain policy gradient of each reply with its group's mean.

Both tries are episodes: the first half of a group are first replies, the second half their second ones, and the ledger
has all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from straw.config import Algorithm, Page
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.rewards.channel import Channel
from straw.rollouts.collect import SeedKey, collect, finish, pay, turn_of
from straw.rollouts.datums import datum_of, token_weights
from straw.tasks.base import Task
from straw.training.learners.base import Groups
from straw.training.learners.distillation.behind_words import behind_words, check_words
from straw.training.plan import Plan
from straw.training.sources.base import Collector, NoRollouts, Source
from straw.types import Datum, Rollout


@dataclass(frozen=True, kw_only=True)
class SecondTryOptions(Algorithm):
    distill_coef: float = option(1.0, "the weight of rltf_sd's second completions, learned as first ones", at_least=0)


class TextFeedback:
    Options = SecondTryOptions
    reads_words = True
    facts: Mapping[str, float] = {}

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, SecondTryOptions)
        self.page, self.engine, self.options = plan.page, engine, plan.page.algorithm

    @staticmethod
    def check(task: Task, channel: Channel) -> None:
        check_words("rltf_sd", task, channel)

    @staticmethod
    def check_page(page: Page) -> None:
        if (size := page.algorithm.group_size) % 2:
            raise ConfigError(f"half of a group of rltf_sd are second tries; got group_size={size}. Write an even one.")
        if page.engine.max_lag:
            raise ConfigError(
                f"a second try of rltf_sd is by the weights of the first; got max_lag={page.engine.max_lag}. Write "
                "max_lag=0."
            )

    def source(self, collector: Collector) -> Source:
        return SecondTries(collector, self.engine)

    def data(self, step: int, told: Groups, groups: Groups) -> Sequence[Datum]:
        """The first three are a first try, a second one, and that one as if it were a first."""
        found = []
        every = [one for group in told for one in group]
        weight_of = dict(zip(map(id, every), token_weights(every, str(self.page.algorithm.weigh)), strict=True))
        for group in told:
            first, second = group[: len(group) // 2], group[len(group) // 2 :]
            before, after = mean_reward(first), mean_reward(second)
            for one, again in zip(first, second, strict=True):
                found.append(weighed(one, one.reward - before, weight_of[id(one)]))
                found.append(weighed(again, again.reward - after, weight_of[id(again)]))
                taught = weighed(again, again.reward - before, weight_of[id(again)] * self.options.distill_coef)
                found.append(replace(taught, prompt=one.turns[0].prompt, logprobs=()))
        kept = found if self.regularises else [datum for datum in found if any(datum.advantages)]
        return [datum for datum in kept if any(datum.weights)]

    @property
    def regularises(self) -> bool:
        """Whether a try without advantage has a gradient: of the KL penalty, or of the entropy bonus."""
        return bool(self.page.algorithm.kl_coef or self.page.algorithm.entropy_coef)

    def state_dict(self) -> dict[str, Any]:
        """All is in the weights."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


def mean_reward(rollouts: Sequence[Rollout]) -> float:
    return sum(one.reward for one in rollouts) / len(rollouts)


def weighed(rollout: Rollout, advantage: float, weight: float) -> Datum:
    return datum_of(replace(rollout, advantages=(advantage,)), weight)


class SecondTries(NoRollouts):
    """Of each group the first half answers the problem, and the second half what it was told of that."""

    def __init__(self, collector: Collector, engine: Engine) -> None:
        self.collector, self.engine, self.plan = collector, engine, collector.plan

    def rollouts(self, step: int) -> list[list[Rollout]]:
        page, half = self.plan.page, self.plan.page.algorithm.group_size // 2
        keys = [SeedKey(page.run.seed, step, group) for group in range(page.algorithm.batch_size)]
        problems = self.collector.problems(step)
        firsts = collect(self.engine, self.plan.task, self.plan.channel, problems, keys, half, self.collector.sampling)
        seconds = self.again([one for group in firsts for one in group], keys, half, step)
        return [[*first, *seconds[place * half : (place + 1) * half]] for place, first in enumerate(firsts)]

    def again(self, firsts: Sequence[Rollout], keys: Sequence[SeedKey], half: int, step: int) -> list[Rollout]:
        prompts = [behind_words(self.engine.chat, one) for one in firsts]
        seats = [(key, half + sample) for key in keys for sample in range(half)]
        seeds = [[key.sample_seed(sample, 0)] for key, sample in seats]
        written = self.engine.sample(prompts, 1, self.collector.sampling, seeds)
        done = [
            finish(
                self.engine.chat, self.plan.task, first.problem,
                [(turn_of(prompt, reply, self.engine.policy_version), reply.stopped)],
            )
            for first, prompt, (reply,) in zip(firsts, prompts, written, strict=True)
        ]  # fmt: skip
        return pay(done, self.plan.channel, [key.coin(sample) for key, sample in seats], step)
