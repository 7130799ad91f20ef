"""The learner that fits its own reward: which of the policy's replies would earn full reward, to go by the log?

    replies that the start would write, listed or drawn unpaid       the pool: what can be believed in
    log of (reply, reward)  ->  shares of the pool  ->  towards them      (`algorithms.reward_model`, `soft_targets`)

It knows the tokens that were written, what was paid for them, how much full reward is, and how the start holds replies:
its hidden states and the vectors of its tokens. Of the task it knows nothing, and replies need not be spelled in digits
(`python benchmarks/spelling.py`). A model that has read nothing tells nothing of numbers that are one token each: there
it is no faster than guessing, and no slower. `dictionary_order` adds the place of a reply in a dictionary of the pool,
which comes near to the value of a number: more than a learner should know, so it is off.

A pool is listed where the start's replies are few (`listing`), and else drawn: no episodes, since nothing is told, but
work all the same, and counted (`unpaid_draws`, `listed_beginnings`), as updates are. The prior of a reply is what the
start gives to it. Problems must come again: a log is kept for each prompt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from straw.algorithms.reward_model.fields import Paid
from straw.config.option import option
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.rewards.channel import Channel
from straw.rollouts.collect import SeedKey, sample_turns
from straw.tasks.base import Task, World
from straw.training.learners.listing import listed
from straw.training.learners.reply_log import ReplyLog
from straw.training.learners.soft_targets import BeliefOptions, TargetDistribution
from straw.training.plan import Plan
from straw.training.sources.base import Collector, Source
from straw.training.sources.fresh import AlreadyPaid, Fresh
from straw.types import Datum, Problem, Rollout, Turn

DRAWN_AGAIN = 4  # times a group, at once, where a first draw repeats something
UNPAID = 1 << 40  # groups of a step that are drawn for the pool, far from those that are paid
LAYERS = 5
MOST_POOL = 8192  # replies, where they are not listed; drawn in steps behind the first


@dataclass(frozen=True, kw_only=True)
class SurrogateOptions(BeliefOptions):
    pool: int | None = option(
        None, "the unrewarded completions that surrogate samples first; none: as tuned",
        example=4096, at_least=1, at_most=262_144,
    )  # fmt: skip
    fresh: int = option(
        256, "the unrewarded completions, no episodes, that surrogate samples a step", at_least=0, at_most=262_144
    )
    listed: int = option(
        2048, "the beginnings of completions that surrogate reads to list them; 0: none", at_least=0, at_most=262_144
    )
    layers: int | None = option(
        None, "the layers whose hidden states surrogate compares; none: 5, if pretrained",
        example=5, at_least=0, at_most=1_024,
    )  # fmt: skip
    dictionary_order: bool = option(
        False, "whether surrogate compares places in a dictionary too, near to numbers' values"
    )


class Surrogate:
    Options = SurrogateOptions

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, SurrogateOptions)
        self.plan, self.engine, self.params, self.options = plan, engine, params, plan.page.algorithm
        self.logs: dict[str, ReplyLog] = {}
        self.unpaid = self.read = 0  # replies of this step that were drawn without being paid for, beginnings
        self.layers = layers_of(plan, engine, self.options)
        self.fresh: Fresh | None = None  # the benchmark draws, and counts, by itself
        self.asked = AlreadyPaid(math.inf)  # also behind full pay something new is asked

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
        passed_over = self.fresh.unpaid_draws if self.fresh else 0
        return {
            "reward_aware": 0.0, "unpaid_draws": float(self.unpaid + passed_over),
            "listed_beginnings": float(self.read), "layers_compared": float(self.layers),
        }  # fmt: skip

    @property
    def candidates(self) -> int:
        """Draws for a group until it has new replies, where a rollout is a reply; the benchmark makes them itself."""
        plan = self.plan
        if plan.task.max_turns > 1 or isinstance(plan.task, World) or plan.channel.reads_replies or plan.channel.noise:
            return 0
        return (1 + DRAWN_AGAIN) * plan.page.algorithm.group_size

    def source(self, collector: Collector) -> Source | None:
        """Draws without repeats, where one reply is all of a rollout and the page has no wishes of its own."""
        if not self.candidates or self.plan.page.engine.max_lag:
            return None
        self.fresh = Fresh(collector, self.engine, self.asked, self.candidates)
        return self.fresh

    def observe(self, groups: Sequence[Sequence[Rollout]], step: int) -> None:
        """Before the first update of a step the policy is the one that wrote the rollouts."""
        self.unpaid = self.read = 0
        self.asked.add(groups)
        for group in groups:
            problem = group[0].problem
            is_new = problem.key not in self.logs
            log = self.logs.setdefault(problem.key, ReplyLog())
            if is_new:
                self.list_replies(log, group[0].turns[0].prompt)
            self.pour(log, [*self.unpaid_draws(problem, step, log, is_new), *(rollout.turns for rollout in group)])
            for rollout in group:
                log.said.append(tuple(turn.reply for turn in rollout.turns))
                log.paid.append(self.paid(rollout))

    def list_replies(self, log: ReplyLog, prompt: tuple[int, ...]) -> None:
        """All that the start would write, where it can be listed."""
        if self.plan.task.max_turns > 1 or not self.options.listed or self.engine.lacks(("likeliest",)):
            return
        found = listed(self.engine, prompt, self.params, self.options.listed)
        self.read += found.read
        log.is_whole = found.is_whole
        if log.is_whole:
            log.add({
                (reply,): (Datum(prompt=prompt, tokens=reply, weights=(1.0,) * len(reply)), nats)
                for reply, nats in found.nats.items()
            })  # fmt: skip

    def unpaid_draws(self, problem: Problem, step: int, log: ReplyLog, is_new: bool) -> list[tuple[Turn, ...]]:
        """Half by the start, so that what a belief has left out is found again, and half by the policy, near to it."""
        if is_new:
            count = 0 if log.is_whole else int(self.options.pool or 0)
            return self.drawn(problem, step, range(count))
        count = 0 if log.is_whole else min(self.options.fresh, max(0, MOST_POOL - len(log.pool)))
        with nullcontext() if self.engine.lacks(("at_start",)) or not count else self.engine.at_start():
            by_start = self.drawn(problem, step, range(count // 2))
        return [*by_start, *self.drawn(problem, step, range(count // 2, count))]

    def drawn(self, problem: Problem, step: int, rows: Sequence[int]) -> list[tuple[Turn, ...]]:
        if not rows:
            return []
        place = SeedKey(self.plan.page.run.seed, step, UNPAID)
        seats = [(place, row) for row in rows]
        self.unpaid += len(rows)
        (rollouts,) = sample_turns(self.engine, self.plan.task, [problem], [seats], self.params)
        return [tuple(turn for turn, _ in one) for one in rollouts]

    def pour(self, log: ReplyLog, replies: Sequence[Sequence[Turn]]) -> None:
        """New ones only, each with its prior."""
        new = {tuple(turn.reply for turn in turns): spoken(turns) for turns in replies}
        new = {said: datum for said, datum in new.items() if said not in log.pool}
        nats = self.engine.logprobs([*new.values()], "start") if new else []
        log.add({
            said: (datum, sum(one for one, weight in zip(values, datum.weights, strict=True) if weight))
            for (said, datum), values in zip(new.items(), nats, strict=True)
        })  # fmt: skip

    def paid(self, rollout: Rollout) -> Paid:
        if rollout.turn_rewards is None:
            return (rollout.reward,)
        missing = self.plan.task.max_turns - len(rollout.turn_rewards)
        return (*rollout.turn_rewards, *[0.0] * missing)

    def beliefs(self) -> list[TargetDistribution]:
        how = self.layers, self.options.dictionary_order, self.plan.channel.highest
        return [log.belief(self.engine, *how) for log in self.logs.values()]

    def state_dict(self) -> dict[str, Any]:
        return {key: log.state_dict() for key, log in self.logs.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.logs = {key: ReplyLog.recalled(kept) for key, kept in state.items()}
        for log in self.logs.values():
            prompt = next(iter(log.pool.values()))[0].prompt
            for said, paid in zip(log.said, log.paid, strict=True):
                self.asked.hear(prompt, said[0], math.fsum(paid))


def layers_of(plan: Plan, engine: Engine, options: SurrogateOptions) -> int:
    """How many layers are compared; none of a model that was made here, which has read nothing."""
    if engine.lacks(("layers", "token_vectors")) or plan.task.max_turns > 1:
        return 0
    return options.layers if options.layers is not None else 0 if plan.page.model.is_embedded else LAYERS


def spoken(turns: Sequence[Turn]) -> Datum:
    """A conversation as one datum, of weight 1 where the model speaks."""
    begin = len(turns[0].prompt)
    tokens = turns[-1].prompt[begin:] + turns[-1].reply
    weights = [0.0] * len(tokens)
    for turn in turns:
        first = len(turn.prompt) - begin
        weights[first : first + len(turn.reply)] = [1.0] * len(turn.reply)
    return Datum(prompt=turns[0].prompt, tokens=tokens, weights=tuple(weights))
