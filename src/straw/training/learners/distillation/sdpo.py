"""SDPO: self-distillation policy optimisation (Hübotter et al., arXiv 2601.20802).

    teacher   q = p(. | prompt, reply, words, reply so far)        student   p(. | prompt, reply so far)
    descend   KL (q || p) at every token of the reply, over the teacher's distill_tokens likeliest tokens

The teacher is the policy itself, behind what it was told about its reply: read again with hindsight, what would it have
written here? Only the prompt differs, so a reply costs one episode and one more reading. No gradient goes through q.

With distill_tokens=0 it is the paper's estimate by drawn tokens: a policy gradient with A_t = log q(t) - log p(t), the
reverse KL in the mean. That only ever says of what was written that it was not it; the default says what else.

It differs from the paper in three things. Of its family of divergences (by a weight between both directions) these two
are here. The teacher is the policy as it was at the start, where the paper moves an average of the weights; with
self_teacher=current it runs after itself, until both are sure of something. And the reply stands in front of its words,
since "higher" says nothing without it. The policy has to be able to read: see `warmup/reading`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from straw.config import Algorithm, Page
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.rewards.channel import Channel
from straw.rollouts.datums import weighed_data
from straw.tasks.base import Task
from straw.training.learners.base import Groups
from straw.training.learners.distillation.behind_words import behind_words, check_words
from straw.training.learners.distillation.opd import credited_by, mean_advantage
from straw.training.plan import Plan
from straw.types import Datum


@dataclass(frozen=True, kw_only=True)
class SelfTeacherOptions(Algorithm):
    self_teacher: Literal["current", "start"] = option(
        "start", "the weights of sdpo's teacher: the policy's own, or those of its start"
    )
    distill_tokens: int = option(
        100, "the likeliest tokens that sdpo's teacher teaches; 0: the drawn ones alone", at_least=0, at_most=262_144
    )


class SelfDistillation:
    Options = SelfTeacherOptions
    reads_words = True
    needs = ("likeliest",)

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, SelfTeacherOptions)
        self.page, self.engine, self.options = plan.page, engine, plan.page.algorithm
        self.kl = 0.0

    @staticmethod
    def check_page(page: Page) -> None:
        assert isinstance(page.algorithm, SelfTeacherOptions)
        if page.algorithm.kl_coef and page.algorithm.distill_tokens:
            raise ConfigError(
                f"the KL penalty compares tokens that were drawn, and sdpo learns a distribution; got kl_coef="
                f"{page.algorithm.kl_coef:g} with distill_tokens={page.algorithm.distill_tokens}. Leave kl_coef out."
            )

    @property
    def loss_fn(self) -> str:
        return "cross_entropy" if self.options.distill_tokens else str(self.page.algorithm.loss_fn)

    @staticmethod
    def check(task: Task, channel: Channel) -> None:
        check_words("sdpo", task, channel)

    @property
    def facts(self) -> Mapping[str, float]:
        return {} if self.options.distill_tokens else {"kl_to_teacher": self.kl}

    def data(self, step: int, told: Groups, groups: Groups) -> Sequence[Datum]:
        rollouts, data = weighed_data([one for group in groups for one in group], str(self.page.algorithm.weigh))
        hindsight = [
            Datum(prompt=behind_words(self.engine.chat, one), tokens=datum.tokens, weights=datum.weights)
            for one, datum in zip(rollouts, data, strict=True)
        ]
        how = (self.options.self_teacher, self.page.sampling.temperature)
        if self.options.distill_tokens:
            taught = self.engine.likeliest(hindsight, self.options.distill_tokens, *how)
            return [towards(datum, targets) for datum, targets in zip(data, taught, strict=True)]
        theirs = self.engine.logprobs(hindsight, *how)
        found = [credited_by(datum, nats) for datum, nats in zip(data, theirs, strict=True)]
        self.kl = -mean_advantage(found)
        return found

    def state_dict(self) -> dict[str, Any]:
        """All is in the weights."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


def towards(datum: Datum, taught: Sequence[Mapping[int, float]]) -> Datum:
    """Each token with what the teacher would have written there, its shares adding up to 1."""
    targets = tuple({token: share / sum(one.values()) for token, share in one.items()} for one in taught)
    return replace(datum, soft_targets=targets, advantages=(), logprobs=())
