"""The policy as its own model of the reward: log-probabilities are fitted to everything that was paid.

    log p(reply) - log p at the start  =  sharpness * reward + c        for all replies of the log to a prompt

A policy gradient sees a reply once, by the policy that wrote it, and a near miss that is paid well locks it in: it is
likely, so it is drawn again and pulled up again. Here the whole log is regressed at every step, each reply once however
often it was drawn, so a near miss is worth what it was paid and no more, and what nobody has tried is worth what the
network makes of the rest. It is REBEL's objective (2404.16767: differences of rewards as differences of log ratios, all
pairs) over a log instead of a batch, with the start as its reference; with `candidates` (`sources.fresh`) what is paid
is something new. Nothing is known of how the reward comes about but its highest value, where the channel has one.

The solution is p0 exp(sharpness * reward) / Z, the policy of the most reward less KL / sharpness. A prompt to which all
candidates are old is regressed less sharply from then on, until new ones come. Once a reply was paid in full its prompt
is regressed SURE times as sharply, and the policy settles on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from straw.config import Algorithm
from straw.config.option import option
from straw.engines.base import Engine, Loss, SamplingParams
from straw.errors import ConfigError, TrainingError
from straw.rewards.channel import Channel
from straw.tasks.base import Task
from straw.training.learners.base import Groups
from straw.training.learners.surrogate import spoken
from straw.training.plan import Plan
from straw.training.schedule import learning_rate_at
from straw.training.sources.base import Collector, Source
from straw.training.sources.fresh import AlreadyPaid, Fresh
from straw.types import Datum, Metric, Rollout

SURE = 3.0  # times as sharp where full pay was found, and
LONGER = 4  # times as many updates, since then every episode tells the same
SOFTER, BACK = 0.7, 1.1  # of the sharpness, where a group had nothing new to say, and where it had
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RegressOptions(Algorithm):
    sharpness: float = option(
        15.0, "nats between a completion of no reward and one of full reward, to regress", above=0, at_most=1_000
    )
    candidates: int = option(
        128, "completions drawn for a group of regress, until they are new ones", at_least=0, at_most=65_536
    )
    remembered: int = option(512, "distinct completions in the log of regress, the newest", at_least=2, at_most=65_536)
    most_fits: int = option(8, "the most optimizer steps a step of regress", at_least=1, at_most=10_000)
    enough_fit: float = option(0.3, "the error of the fit, in nats, at which regress stops", at_least=0)


@dataclass(slots=True)
class Heard:
    """A reply of the log: what it was paid in the mean, and how likely it was at the start."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    start: float
    paid: float = 0.0
    times: int = 0

    def hear(self, reward: float) -> None:
        self.times += 1
        self.paid += (reward - self.paid) / self.times

    def datum(self, weight: float) -> Datum:
        return Datum(prompt=self.prompt, tokens=self.tokens, weights=tuple(weight * one for one in self.weights))


class Regress:
    Options = RegressOptions
    facts: Mapping[str, float] = {}

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        assert isinstance(plan.page.algorithm, RegressOptions)
        self.plan, self.engine, self.options = plan, engine, plan.page.algorithm
        lowest, highest = plan.channel.lowest, plan.channel.highest
        is_declared = -math.inf < lowest < highest < math.inf  # else a reward is taken as it is
        self.lowest, self.range = (lowest, highest - lowest) if is_declared else (0.0, 1.0)
        is_sure = plan.channel.deterministic and math.isfinite(highest)
        self.candidates = self.options.candidates if is_sure else 0
        self.fresh: Fresh | None = None  # the benchmark draws, and counts, by itself
        self.paid = AlreadyPaid(highest if is_sure else math.inf)
        self.log: dict[tuple[str, tuple[int, ...]], Heard] = {}
        self.softness: dict[tuple[int, ...], float] = {}  # by prompt, up to 1

    @staticmethod
    def check(task: Task, channel: Channel) -> None:
        if task.num_problems is None:
            raise ConfigError(
                f"algorithm=regress keeps a log for every prompt, and the problems of {task.name} never come again. "
                "Choose another algorithm."
            )

    def source(self, collector: Collector) -> Source:
        self.fresh = Fresh(collector, self.engine, self.paid, self.candidates)
        return self.fresh

    # --- the log

    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        self.soften([rollout for group in told for rollout in group if rollout.turns])
        self.paid.add(told)
        self.hear([rollout for group in told for rollout in group if rollout.turns])
        found = self.fitted(
            learning_rate_at(self.plan.page.optimizer, step - 1, int(self.plan.page.run.n_batches or 0))
        )
        self.engine.publish()
        found["unpaid_draws"] = float(self.fresh.unpaid_draws) if self.fresh else 0.0
        return {name: Metric(value) for name, value in found.items()}

    def soften(self, rollouts: Sequence[Rollout]) -> None:
        """Less sharp where something was paid again for want of anything new; before it is heard."""
        if not self.candidates:
            return
        is_old = {prompt: False for prompt in dict.fromkeys(one.turns[0].prompt for one in rollouts)}
        for one in rollouts:
            prompt = one.turns[0].prompt
            is_old[prompt] |= not self.paid.is_new(prompt, one.turns[0].reply)
        for prompt, old in is_old.items():
            self.softness[prompt] = min(1.0, self.softness.get(prompt, 1.0) * (SOFTER if old else BACK))

    def hear(self, rollouts: Sequence[Rollout]) -> None:
        data = {(one.problem.key, (said := spoken(one.turns)).tokens): said for one in rollouts}
        new = {key: datum for key, datum in data.items() if key not in self.log}
        starts = self.engine.logprobs([*new.values()], "start") if new else []
        for (key, datum), nats in zip(new.items(), starts, strict=True):
            self.log[key] = Heard(datum.prompt, datum.tokens, datum.weights, whole(nats, datum))
        for one in rollouts:
            self.log[one.problem.key, spoken(one.turns).tokens].hear((one.reward - self.lowest) / self.range)
        for key in [*self.log][: -self.options.remembered]:
            del self.log[key]

    # --- the fit

    def fitted(self, rate: float) -> dict[str, float]:
        """Updates until the log is told well enough."""
        rows = [*self.log.values()]
        if not rows:
            return {"updates": 0.0}
        prompts = [row.prompt for row in rows]
        sharp = np.array([self.sharpness(prompt) for prompt in prompts])
        aims = np.array([row.start for row in rows]) + sharp * np.array([row.paid for row in rows])
        most = self.options.most_fits * (LONGER if self.paid.found else 1)
        found: dict[str, float] = {"updates": 0.0}
        while True:
            errors = centred(self.now(rows) - aims, prompts)
            found["fit_error"] = math.sqrt(float(np.mean(errors**2)))
            if not math.isfinite(found["fit_error"]):
                raise TrainingError("regress fits numbers that are none. Try a smaller learning_rate.")
            if found["fit_error"] <= self.options.enough_fit or found["updates"] >= most:
                return {**found, "log_size": float(len(rows)), "learning_rate": rate}
            found |= self.update(rows, errors, rate) | {"updates": found["updates"] + 1}

    def sharpness(self, prompt: tuple[int, ...]) -> float:
        return self.options.sharpness * (SURE if prompt in self.paid.found else self.softness.get(prompt, 1.0))

    def now(self, rows: Sequence[Heard]) -> Array:
        data = [row.datum(1.0) for row in rows]
        return np.array([whole(nats, datum) for nats, datum in zip(self.engine.logprobs(data), data, strict=True)])

    def update(self, rows: Sequence[Heard], errors: Array, rate: float) -> dict[str, float]:
        """A step down the squared error: each reply is pulled by its own."""
        pulls = -errors / np.abs(errors).sum()
        data = [row.datum(float(pull)) for row, pull in zip(rows, pulls, strict=True) if pull]
        self.engine.forward_backward(data, Loss(name="cross_entropy"))
        return {"grad_norm": self.engine.optim_step(self.plan.adam(rate)).get("grad_norm", 0.0)}

    # --- going on

    def state_dict(self) -> dict[str, Any]:
        return {
            "log": [[key, asdict(heard)] for (key, _), heard in self.log.items()], "paid": self.paid.state_dict(),
            "softness": [[list(prompt), share] for prompt, share in self.softness.items()],
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.log = {}
        for key, kept in state["log"]:
            lists = {name: tuple(kept[name]) for name in ("prompt", "tokens", "weights")}
            self.log[key, lists["tokens"]] = Heard(**{**kept, **lists})
        self.paid.load_state_dict(state["paid"])
        self.softness = {tuple(prompt): share for prompt, share in state["softness"]}


def whole(nats: Sequence[float], datum: Datum) -> float:
    """The log-probability of what the model said."""
    return math.fsum(one for one, weight in zip(nats, datum.weights, strict=True) if weight)


def centred(errors: Array, prompts: Sequence[tuple[int, ...]]) -> Array:
    """Less the mean of each prompt, since c is nobody's."""
    out = errors.copy()
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    of = np.array([numbers[prompt] for prompt in prompts])
    means = np.bincount(of, errors) / np.bincount(of)
    out -= means[of]
    return out
