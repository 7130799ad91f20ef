"""OPD: on-policy distillation. The policy writes, and a teacher says of every token how likely it would have been.

    A_t = log p_teacher(t) - log p_policy(t)          each behind the same tokens, which the policy wrote

In the mean over the policy's own replies, to climb A is to descend KL(policy || teacher) token by token: the reverse KL
of "On-policy distillation" (Thinking Machines, 2025; GKD, arXiv 2306.13649, has it over the whole vocabulary). As there
a token answers for itself alone (no discount), and rewards are measured but teach nothing. Of the distribution only
the drawn token's log-probability is used, which is unbiased and noisier than the whole of it.

The teacher is a model folder, or any name that model_name takes, with the policy's own tokenizer; it reads at the same
temperature. What it knows reaches the weights beside the rewards, so such a run has no ledger but of bits absorbed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from straw.config import Algorithm, Page
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.rollouts.datums import weighed_data
from straw.training.learners.base import Groups
from straw.training.plan import Plan
from straw.types import Datum


@dataclass(frozen=True, kw_only=True)
class TeacherOptions(Algorithm):
    teacher: str | None = option(
        None, "the model that opd learns from: a folder, or what model_name takes", example="runs/first-model"
    )


class OnPolicyDistillation:
    Options = TeacherOptions

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        self.plan, self.page = plan, plan.page
        self.teacher = teacher_of(plan.page, engine)
        self.kl = 0.0

    @staticmethod
    def check_page(page: Page) -> None:
        assert isinstance(page.algorithm, TeacherOptions)
        if not page.algorithm.teacher:
            raise ConfigError(
                "algorithm=opd learns from a teacher, and none is named. Write teacher=FOLDER, such as what "
                "`straw export` makes of a run."
            )

    @property
    def facts(self) -> Mapping[str, float]:
        return {"kl_to_teacher": self.kl}

    def data(self, step: int, told: Groups, groups: Groups) -> Sequence[Datum]:
        _, data = weighed_data([one for group in groups for one in group], str(self.page.algorithm.weigh))
        theirs = self.teacher.logprobs(data, temperature=self.page.sampling.temperature)
        found = [credited_by(datum, nats) for datum, nats in zip(data, theirs, strict=True)]
        self.kl = -mean_advantage(found)
        return found

    def state_dict(self) -> dict[str, Any]:
        """The teacher stands where the page says."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


def credited_by(datum: Datum, teacher: Sequence[float]) -> Datum:
    """Each token that trains with what the teacher gives to it more, in nats."""
    rows = zip(datum.weights, teacher, datum.logprobs, strict=True)
    return replace(datum, advantages=tuple(theirs - ours if weight else 0.0 for weight, theirs, ours in rows))


def mean_advantage(data: Sequence[Datum]) -> float:
    """Over all tokens that train."""
    found = [a for datum in data for a, weight in zip(datum.advantages, datum.weights, strict=True) if weight]
    return sum(found) / max(len(found), 1)


def teacher_of(page: Page, engine: Engine) -> Engine:
    """An engine of its own, which nothing trains."""
    from straw.engines.local.build import load_engine

    assert isinstance(page.algorithm, TeacherOptions)
    name = str(page.algorithm.teacher)
    teacher = load_engine(replace(page, model=replace(page.model, model_name=name, lora_rank=0)))
    ours, theirs = (one.chat.tokenizer.get_vocab() for one in (engine, teacher))
    if ours != theirs:
        raise ConfigError(
            f"a teacher reads the policy's own tokens; {name} has {len(theirs):,} words and {page.model.model_name} "
            f"{len(ours):,}, or others. Choose a teacher with the same tokenizer."
        )
    return teacher
