"""Learning from what is believed, instead of from advantages: towards a distribution over whole replies.

    belief (which replies, how likely each)  ->  soft targets over the tree of their tokens  ->  updates until
    KL (belief || policy) is below target_kl, `most_updates` at most                         ->  sample again

When it has come that far, to sample the policy is to draw from the belief, which is Thompson's rule. At every token
the target is the exact distribution of what comes next in a reply of the belief. A belief of more than ROWS replies
is read through as many, evenly spaced by its shares.

Who believes, and why, is a `BeliefLearner`: `surrogate`, `reward_aware`, or one of yours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from straw.config import Algorithm
from straw.config.option import option
from straw.engines.base import Loss
from straw.seeds import uniform_for
from straw.training.learners.base import Groups
from straw.training.plan import Plan
from straw.training.updates import Updates
from straw.types import Datum, Metric, Rollout

ROWS = 32
Array = NDArray[Any]
Node = dict[int, list[Any]]  # token -> [share of the replies that come by, what follows]


@dataclass(frozen=True, kw_only=True)
class BeliefOptions(Algorithm):
    """What every learner with beliefs can be told; one with options of its own makes them a subclass of this."""

    most_updates: int | None = option(
        None, "the most optimizer steps towards a learner's belief; none: as tuned",
        example=8, at_least=1, at_most=10_000,
    )  # fmt: skip
    target_kl: float | None = option(
        None, "the KL to a learner's belief, in nats, at which it stops; none: as tuned", example=0.1, above=0
    )


@dataclass(frozen=True, slots=True)
class TargetDistribution:
    """Whole replies, of weight 1 where the model speaks, and how likely each is; shares add up to 1."""

    data: Sequence[Datum]
    shares: Array


class BeliefLearner(Protocol):
    """Observes what rollouts were paid, and forms beliefs; `facts` go into every row of metrics."""

    @property
    def facts(self) -> Mapping[str, float]: ...

    def observe(self, groups: Sequence[Sequence[Rollout]], step: int) -> None:
        """The groups of a step, as the channel paid them."""

    def beliefs(self) -> list[TargetDistribution]:
        """One for each prompt that it has heard of."""

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on, plain JSON values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class SoftTargets:
    """A belief as rows to learn from."""

    def __init__(self, belief: TargetDistribution) -> None:
        kept = np.flatnonzero(belief.shares > 0)
        self.data = [belief.data[int(index)] for index in kept]
        self.shares = belief.shares[kept] / belief.shares[kept].sum()
        self.root: Node = {}
        for datum, share in zip(self.data, self.shares, strict=True):
            node = self.root
            for token in datum.tokens:
                branch = node.setdefault(token, [0.0, {}])
                branch[0] += share
                node = branch[1]

    def rows(self, offset: float) -> Iterator[tuple[Datum, float]]:
        """Data with soft targets and the weight of each; `offset` in [0, 1) says where the even spacing begins."""
        if len(self.data) <= ROWS:
            yield from ((self.soften(datum), float(share)) for datum, share in zip(self.data, self.shares, strict=True))
            return
        places = (np.arange(ROWS) + offset) / ROWS
        chosen = np.minimum(np.searchsorted(np.cumsum(self.shares), places), len(self.data) - 1)
        for index, times in zip(*np.unique(chosen, return_counts=True), strict=True):
            yield self.soften(self.data[index]), float(times) / ROWS

    def soften(self, datum: Datum) -> Datum:
        targets, node = [], self.root
        for token in datum.tokens:
            total = math.fsum(branch[0] for branch in node.values())
            targets.append({follower: branch[0] / total for follower, branch in node.items()})
            node = node[token][1]
        return replace(datum, soft_targets=tuple(targets))


def batch_of(lessons: Sequence[SoftTargets], *seed: int | str) -> tuple[list[Datum], float]:
    """Rows of all lessons, each lesson weighing the same, and the entropy of their targets in nats."""
    data, entropy = [], 0.0
    for place, lesson in enumerate(lessons):
        for row, weight in lesson.rows(uniform_for(*seed, place)):
            shared = weight / len(lessons)
            weights = tuple(one * shared for one in row.weights)
            data.append(replace(row, weights=weights))
            entropies = [entropy_of(soft) for soft in row.soft_targets or ()]
            entropy += math.fsum(one * nats for one, nats in zip(weights, entropies, strict=True))
    return data, entropy


def entropy_of(target: Mapping[int, float]) -> float:
    return -math.fsum(share * math.log(share) for share in target.values() if share > 0)


class Toward:
    """Updates towards what is believed now, until the policy has come near enough."""

    def __init__(self, plan: Plan, updates: Updates, believer: BeliefLearner) -> None:
        assert isinstance(plan.page.algorithm, BeliefOptions)
        self.page, self.updates, self.believer = plan.page, updates, believer
        self.options = plan.page.algorithm

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        self.believer.observe(told, step)
        targets = [SoftTargets(belief) for belief in self.believer.beliefs()]
        sums: dict[str, float] = {}
        for update in range(1, int(self.options.most_updates or 0) + 1):
            data, entropy = batch_of(targets, self.page.run.seed, "toward", step, update)
            sums = self.updates.one(data, Loss(name="cross_entropy"), step)
            sums |= {"updates": float(update), "kl_from_belief": sums["loss"] - entropy, **self.believer.facts}
            if sums["kl_from_belief"] < float(self.options.target_kl or 0):
                break
        self.updates.engine.publish()
        return {name: Metric(value) for name, value in sums.items()}
