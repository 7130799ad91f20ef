"""Expert iteration: the best paid reply to each problem is imitated, those of earlier steps with it.

    draw `candidates` replies to a problem -> pay for a group of them, each another one
    keep the replies that were paid best   -> imitate kept ones, half of this step and half of all, `imitations` times

(1705.08439; for language models STaR, 2203.14465, and ReST-EM, 2312.06585, which draw anew and throw the old away.)
Between problems the policy itself is the model of the reward: how likely it finds a reply says what to pay for first,
and what was right elsewhere makes it likelier here. An episode is paid once and learned from as often as its problem is
drawn from the memory; a policy gradient needs replies of the newest weights, and finds most groups unanimous.

Nothing is learned from a problem without a reply that was paid in full, or, where a channel declares no full pay, above
the mean of its group. What was paid less is passed over, and pulls nobody anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from straw.config import Algorithm
from straw.config.option import option
from straw.engines.base import Engine, Loss, SamplingParams
from straw.errors import TrainingError
from straw.seeds import seed_for
from straw.tasks.base import World
from straw.training.learners.base import Groups
from straw.training.learners.surrogate import spoken
from straw.training.plan import Plan
from straw.training.schedule import learning_rate_at
from straw.training.sources.base import Collector, Source
from straw.training.sources.fresh import AlreadyPaid, Fresh
from straw.types import Datum, Metric, Rollout

ALIKE = 4  # replies to a problem that are kept, where several were paid alike


@dataclass(frozen=True, kw_only=True)
class ExpertOptions(Algorithm):
    candidates: int = option(
        16, "completions drawn for a group of expert_iteration, until they differ", at_least=0, at_most=65_536
    )
    remembered: int = option(
        4096, "problems whose best completions expert_iteration keeps, the newest", at_least=1, at_most=1_000_000
    )
    imitations: int = option(8, "the most optimizer steps a step of expert_iteration", at_least=1, at_most=10_000)
    imitated: int = option(32, "problems that expert_iteration imitates at once", at_least=1, at_most=65_536)
    enough_likely: float = option(
        0.002, "nats a token that kept completions lack, at which expert_iteration stops", at_least=0
    )


@dataclass(slots=True)
class Best:
    """What was paid best at one problem."""

    reward: float
    said: list[Datum] = field(default_factory=list)

    def hear(self, reward: float, datum: Datum) -> None:
        if reward > self.reward:
            self.reward, self.said = reward, []
        if reward == self.reward and len(self.said) < ALIKE and all(one.tokens != datum.tokens for one in self.said):
            self.said.append(datum)


class ExpertIteration:
    Options = ExpertOptions
    facts: Mapping[str, float] = {}

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, ExpertOptions)
        self.plan, self.engine, self.options = plan, engine, plan.page.algorithm
        self.full = plan.channel.highest if math.isfinite(plan.channel.highest) else None
        self.candidates = self.options.candidates if is_paid_alike(plan) else 0
        self.paid = AlreadyPaid(math.inf if self.full is None else self.full)
        self.fresh: Fresh | None = None  # the benchmark draws, and counts, by itself
        self.best: dict[str, Best] = {}

    def source(self, collector: Collector) -> Source | None:
        """Replies that differ, where a page does not want them ahead of time: what is imitated may be old."""
        if not self.candidates or self.plan.page.engine.max_lag:
            return None
        self.fresh = Fresh(collector, self.engine, self.paid, self.candidates)
        return self.fresh

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        if self.plan.task.num_problems is not None:  # else nobody asks again
            self.paid.add(told)
        new = [key for group in told if (key := self.heard([one for one in group if one.turns]))]
        for key in [*self.best][: -self.options.remembered]:
            del self.best[key]
        found = self.imitated(step, [key for key in new if key in self.best])
        self.engine.publish()
        found |= {"remembered": float(len(self.best)), "kept_groups": len(new) / max(1, len(told))}
        found["unpaid_draws"] = float(self.fresh.unpaid_draws) if self.fresh else 0.0
        return {name: Metric(value) for name, value in found.items()}

    # --- what is kept

    def heard(self, group: Sequence[Rollout]) -> str:
        """The problem's key, where something is kept of this group."""
        if not group:
            return ""
        key, enough = group[0].problem.key, self.enough(group)
        kept = [one for one in group if one.reward >= enough]
        for one in kept:
            best = self.best.pop(key, None) or Best(one.reward)
            best.hear(one.reward, spoken(one.turns))
            self.best[key] = best  # the newest
        return key if kept else ""

    def enough(self, group: Sequence[Rollout]) -> float:
        if self.full is not None:
            return self.full
        paid = [one.reward for one in group]
        return max(paid) if max(paid) > min(paid) else math.inf

    # --- imitation

    def imitated(self, step: int, new: Sequence[str]) -> dict[str, float]:
        """Updates on what is kept, until it is likely enough."""
        random = Random(seed_for(self.plan.page.run.seed, "imitated", step))
        rate = learning_rate_at(self.plan.page.optimizer, step - 1, int(self.plan.page.run.n_batches or 0))
        found: dict[str, float] = {"updates": 0.0, "learning_rate": rate}
        for _ in range(self.options.imitations if self.best else 0):
            data = even([random.choice(self.best[key].said) for key in self.some(random, new)])
            loss = self.engine.forward_backward(data, Loss(name="cross_entropy")).metrics["loss"]
            if not math.isfinite(loss):
                raise TrainingError(f"expert_iteration's loss is {loss}. Try a smaller learning_rate.")
            found |= {"loss": loss, "updates": found["updates"] + 1}
            found |= self.engine.optim_step(self.plan.adam(rate))
            if loss <= self.options.enough_likely:
                break
        return found

    def some(self, random: Random, new: Sequence[str]) -> list[str]:
        """Problems to imitate: half of them new ones, as far as there are, each once."""
        size = self.options.imitated
        some = random.sample([*new], min(-(-size // 2), len(new)))
        taken = set(some)
        old = [key for key in random.sample([*self.best], min(size, len(self.best))) if key not in taken]
        return [*some, *old][:size]

    # --- going on

    def state_dict(self) -> dict[str, Any]:
        best = [[key, one.reward, [asdict(datum) for datum in one.said]] for key, one in self.best.items()]
        return {"best": best, "paid": self.paid.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best = {key: Best(reward, [datum_of(one) for one in said]) for key, reward, said in state["best"]}
        self.paid.load_state_dict(state["paid"])


def is_paid_alike(plan: Plan) -> bool:
    """Whether the same reply to a problem earns the same again, so that nobody has to pay for it twice."""
    is_reply = plan.task.max_turns == 1 and not isinstance(plan.task, World)
    return is_reply and plan.channel.deterministic and not plan.channel.reads_replies


def even(data: Sequence[Datum]) -> list[Datum]:
    """A loss that is the mean over all tokens that were spoken."""
    count = math.fsum(sum(one.weights) for one in data)
    return [
        Datum(prompt=one.prompt, tokens=one.tokens, weights=tuple(weight / count for weight in one.weights))
        for one in data
    ]


def datum_of(kept: Mapping[str, Any]) -> Datum:
    return Datum(**{name: tuple(kept[name]) for name in ("prompt", "tokens", "weights")})
