"""SDPO: self-distillation policy optimisation (Hübotter et al., arXiv 2601.20802).

    A_t = log p(t | prompt, reply, words, ...) - log p(t | prompt, ...)           for each token t of that reply

The teacher is the policy itself, behind what it was told about its reply: read again with hindsight, which tokens would
it have written? Only the prompt differs, so a reply costs one episode and one more reading.

As in the paper the reverse KL to the self-teacher is descended on the policy's own replies, with no gradient through
the teacher. It differs in three things: of the vocabulary the drawn token alone is used (the paper takes the largest
100 logits, of which this is the unbiased one-sample estimate); the teacher is the policy as it is, or as it was at the
start (self_teacher=start), where the paper moves an average of the weights; and the reply stands in front of its words,
since "higher" says nothing without it. The policy has to be able to read the words: who cannot learns noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from straw.config import Algorithm
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.rewards.channel import Channel
from straw.rollouts.datums import datum_of, token_weights
from straw.tasks.base import Task
from straw.training.learners.base import Groups
from straw.training.learners.distillation.behind_words import behind_words, check_words
from straw.training.learners.distillation.opd import credited_by, mean_advantage
from straw.training.plan import Plan
from straw.types import Datum


@dataclass(frozen=True, kw_only=True)
class SelfTeacherOptions(Algorithm):
    self_teacher: Literal["current", "start"] = option(
        "current", "the weights of sdpo's teacher: the policy's own, or those of its start"
    )


class SelfDistillation:
    Options = SelfTeacherOptions
    reads_words = True

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, SelfTeacherOptions)
        self.page, self.engine, self.options = plan.page, engine, plan.page.algorithm
        self.kl = 0.0

    @staticmethod
    def check(task: Task, channel: Channel) -> None:
        check_words("sdpo", task, channel)

    @property
    def facts(self) -> Mapping[str, float]:
        return {"kl_to_teacher": self.kl}

    def data(self, step: int, told: Groups, groups: Groups) -> Sequence[Datum]:
        rollouts = [one for group in groups for one in group]
        weights = token_weights(rollouts, str(self.page.algorithm.weigh))
        data = [datum_of(one, weight) for one, weight in zip(rollouts, weights, strict=True)]
        hindsight = [
            Datum(prompt=behind_words(self.engine.chat, one), tokens=datum.tokens, weights=datum.weights)
            for one, datum in zip(rollouts, data, strict=True)
        ]
        theirs = self.engine.logprobs(hindsight, self.options.self_teacher, self.page.sampling.temperature)
        found = [credited_by(datum, nats) for datum, nats in zip(data, theirs, strict=True)]
        self.kl = -mean_advantage(found)
        return found

    def state_dict(self) -> dict[str, Any]:
        """All is in the weights."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state
