"""The learner that fits its own reward: which of the policy's replies would earn full reward, to go by the log?

    replies that nobody paid for, drawn from the policy        the pool: what can be believed in
    log of (reply, reward)  ->  shares of the pool  ->  towards them      (`algorithms.reward_model`, `soft_targets`)

It knows the tokens that were written, what was paid for them, and how much full reward is: nothing about the task. But
it takes replies for alike that are spelled alike, which suits numbers in digits: with one token for each number it
is no faster than guessing (`python benchmarks/spelling.py`). A reply that is drawn without being paid for is no
episode, since nothing is told; it is work all the same, and counted (`unpaid_draws`), as updates are. The prior of a
reply is what the start gives to it. Problems must come again: a log is kept for each prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from straw.algorithms.reward_model import Paid, Turns, full_shares
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.rewards.channel import Channel
from straw.rollouts.collect import SeedKey, sample_turns
from straw.tasks.base import Task
from straw.training.learners.soft_targets import BeliefOptions, TargetDistribution
from straw.training.plan import Plan
from straw.types import Datum, Problem, Rollout, Turn

UNPAID = 1 << 40  # groups of a step that are drawn for the pool, far from those that are paid


@dataclass(frozen=True, kw_only=True)
class SurrogateOptions(BeliefOptions):
    pool: int | None = option(
        None, "the unrewarded completions that surrogate samples first; none: as tuned",
        example=4096, at_least=1, at_most=262_144,
    )  # fmt: skip
    fresh: int = option(
        64, "the unrewarded completions, no episodes, that surrogate samples a step", at_least=0, at_most=262_144
    )


@dataclass(slots=True)
class Log:
    """All about one prompt."""

    pool: dict[Turns, tuple[Datum, float]] = field(default_factory=dict)  # with what the start gave to it, in nats
    said: list[Turns] = field(default_factory=list)
    paid: list[Paid] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        pool = [[said, datum.tokens, datum.weights, nats] for said, (datum, nats) in self.pool.items()]
        prompts = [datum.prompt for datum, _ in self.pool.values()][:1]  # they have but one
        return {"prompts": prompts, "pool": pool, "said": self.said, "paid": self.paid}

    @classmethod
    def recalled(cls, state: Mapping[str, Any]) -> Self:
        log = cls(said=[turns_of(said) for said in state["said"]], paid=[tuple(paid) for paid in state["paid"]])
        for said, tokens, weights, nats in state["pool"]:
            datum = Datum(prompt=tuple(state["prompts"][0]), tokens=tuple(tokens), weights=tuple(weights))
            log.pool[turns_of(said)] = datum, nats
        return log


class Surrogate:
    Options = SurrogateOptions

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, SurrogateOptions)
        self.plan, self.engine, self.params, self.options = plan, engine, params, plan.page.algorithm
        self.logs: dict[str, Log] = {}
        self.unpaid = 0  # replies of this step that were drawn without being paid for

    @staticmethod
    def check(task: Task, channel: Channel) -> None:
        """Problems must come again."""
        if task.num_problems is None:
            raise ConfigError(
                f"algorithm=surrogate keeps a log for every prompt, and the problems of {task.name} never come again. "
                "Choose another algorithm."
            )

    @property
    def facts(self) -> Mapping[str, float]:
        return {"reward_aware": 0.0, "unpaid_draws": float(self.unpaid)}

    def observe(self, groups: Sequence[Sequence[Rollout]], step: int) -> None:
        """Before the first update of a step the policy is the one that wrote the rollouts."""
        self.unpaid = 0
        for group in groups:
            problem = group[0].problem
            is_new = problem.key not in self.logs
            log = self.logs.setdefault(problem.key, Log())
            drawn = self.drawn(problem, step, int(self.options.pool or 0) if is_new else self.options.fresh)
            self.pour(log, [*drawn, *(rollout.turns for rollout in group)])
            for rollout in group:
                log.said.append(tuple(turn.reply for turn in rollout.turns))
                log.paid.append(self.paid(rollout))

    def drawn(self, problem: Problem, step: int, count: int) -> list[tuple[Turn, ...]]:
        place = SeedKey(self.plan.page.run.seed, step, UNPAID)
        seats = [(place, row) for row in range(count)]
        self.unpaid += count
        (rollouts,) = sample_turns(self.engine, self.plan.task, [problem], [seats], self.params)
        return [tuple(turn for turn, _ in one) for one in rollouts]

    def pour(self, log: Log, replies: Sequence[Sequence[Turn]]) -> None:
        """New ones only, each with its prior."""
        new = {tuple(turn.reply for turn in turns): spoken(turns) for turns in replies}
        new = {said: datum for said, datum in new.items() if said not in log.pool}
        for (said, datum), nats in zip(new.items(), self.engine.logprobs([*new.values()], "start"), strict=True):
            log.pool[said] = datum, sum(one for one, weight in zip(nats, datum.weights, strict=True) if weight)

    def paid(self, rollout: Rollout) -> Paid:
        if rollout.turn_rewards is None:
            return (rollout.reward,)
        missing = self.plan.task.max_turns - len(rollout.turn_rewards)
        return (*rollout.turn_rewards, *[0.0] * missing)

    def beliefs(self) -> list[TargetDistribution]:
        return [self.belief(log) for log in self.logs.values()]

    def belief(self, log: Log) -> TargetDistribution:
        nats = np.array([nats for _, nats in log.pool.values()])
        shares = full_shares(log.said, log.paid, [*log.pool], np.exp(nats - nats.max()), self.plan.channel.highest)
        return TargetDistribution([datum for datum, _ in log.pool.values()], shares)

    def state_dict(self) -> dict[str, Any]:
        return {key: log.state_dict() for key, log in self.logs.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.logs = {key: Log.recalled(kept) for key, kept in state.items()}


def spoken(turns: Sequence[Turn]) -> Datum:
    """A conversation as one datum, of weight 1 where the model speaks."""
    begin = len(turns[0].prompt)
    tokens = turns[-1].prompt[begin:] + turns[-1].reply
    weights = [0.0] * len(tokens)
    for turn in turns:
        first = len(turn.prompt) - begin
        weights[first : first + len(turn.reply)] = [1.0] * len(turn.reply)
    return Datum(prompt=turns[0].prompt, tokens=tokens, weights=tuple(weights))


def turns_of(record: Sequence[Sequence[int]]) -> Turns:
    return tuple(tuple(turn) for turn in record)
