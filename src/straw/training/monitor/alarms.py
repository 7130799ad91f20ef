"""Alarms: small rules over the metrics of a run, each with a name, a condition and what to do.

    alarm               condition, over the rows that have the metric
    nan                 a metric is no number
    kl_spike            kl jumped to 5 times its peak, above 3 nats a token
    gradient_spike      grad_norm jumped to 20 times its peak
    sampler_drift       kl_sampler is beyond 0.1 nats a token: replies and update belong to different weights
    length_drift        replies have become twice as long, or half as long for no better reward; by 8 tokens at least
    advantage_drift     advantages (of groups that have any) jumped to 4 times their peak
    equal_groups        no group had an advantage for 100 steps, and the reward is not full
    entropy_collapse    entropy below 5% of its start, and the reward is neither full nor rising
    (of environments)   malformed_calls, calls_vanish, one_tool, environments_fail: `tool_alarms`
    lock_in             for 40 steps 60% of a group say the same, hardly one is right, and the reward does not rise

`series` says what a level and a peak are. A policy that has learned its secret looks like a collapsed one: no entropy,
groups that agree, a large KL. What tells them apart is the reward, so no rule blames certainty that is well paid.
The factors leave sound runs in peace. In 35 runs over five channels the level of grad_norm jumped to 6 times its peak
at most (one gradient alone to more than 100 times), that of advantages to 1.9 times, and kl to 4.6 times, below 3 nats.

An alarm that lasts is raised again after 100 steps, then 200, 400, ... A run that goes on raises those that it would
have raised without a stop: the state is part of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from straw.training.monitor import tool_alarms
from straw.training.monitor.series import FIRST, Series

LONG, SHORT, QUIET = 100, 20, 100  # rows, rows, steps
NOTHING = Series()


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was raised: a number to look at and what to do about it."""

    name: str
    value: float
    advice: str


@dataclass(slots=True)
class History:
    """The series of a run, by metric. `best` is the highest reward there is, where that is known."""

    best: float | None = None
    series: dict[str, Series] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> Series:
        return self.series.get(metric, NOTHING)

    def add(self, row: Mapping[str, float | None]) -> None:
        for metric, value in telling(row).items():
            self.series.setdefault(metric, Series()).add(value)

    def is_well_paid(self, count: int) -> bool:
        """Whether there is little left to earn."""
        if self.best is not None and self["reward"].has(count) and self["reward"].mean(count) >= 0.9 * self.best:
            return True
        return self["hits"].has(count) and self["hits"].mean(count) >= 0.9

    def is_stuck(self) -> bool:
        reward = self["reward"]
        return reward.has(2 * SHORT) and not reward.is_rising(SHORT) and not self.is_well_paid(SHORT)


WATCHED = (
    "reward", "hits", "kl", "kl_sampler", "grad_norm", "entropy", "completions/mean_length", "advantage_scale",
    "groups_without_advantage", "most_common_reply", *tool_alarms.WATCHED,
)  # fmt: skip


def telling(row: Mapping[str, float | None]) -> dict[str, float]:
    """The numbers that say something: a batch without any advantage has no gradient worth comparing."""
    found = {metric: value for metric in WATCHED if (value := row.get(metric)) is not None and isfinite(value)}
    if found.get("groups_without_advantage") == 1:
        found.pop("grad_norm", None)
        found.pop("advantage_scale", None)
    return found


def kl_spike(seen: History) -> float | None:
    kl = seen["kl"]
    return kl.level if kl.jumped(5, floor=3.0) else None  # one digit of a secret is worth ln 10 = 2.3 nats


def gradient_spike(seen: History) -> float | None:
    """A single large one is no alarm: one unlikely token makes it, and grad_clip takes it off."""
    norm = seen["grad_norm"]
    return norm.level if norm.jumped(20) else None


def sampler_drift(seen: History) -> float | None:
    """Where one update follows each batch it is 0 but for float error."""
    drift = seen["kl_sampler"]
    return drift.level if drift.has(FIRST) and abs(drift.level) > 0.1 else None


def length_drift(seen: History) -> float | None:
    length, reward = seen["completions/mean_length"], seen["reward"]
    if not length.has(2 * SHORT):
        return None
    now, before = length.mean(SHORT), length.start()
    is_longer = now > 2 * before and now > before + 8
    is_shorter = now < before / 2 and now < before - 8 and reward.mean(SHORT) <= reward.start()
    return now if is_longer or is_shorter else None


def advantage_drift(seen: History) -> float | None:
    scale = seen["advantage_scale"]
    return scale.level if scale.jumped(4) else None


def equal_groups(seen: History) -> float | None:
    without = seen["groups_without_advantage"]
    is_long = without.has(LONG) and min(without.recent[-LONG:]) == 1
    return seen["reward"].mean(LONG) if is_long and not seen.is_well_paid(LONG) else None


def entropy_collapse(seen: History) -> float | None:
    entropy = seen["entropy"]
    is_low = entropy.has(2 * SHORT) and entropy.mean(SHORT) < 0.05 * entropy.start(5)
    return entropy.mean(SHORT) if is_low and seen.is_stuck() else None


def lock_in(seen: History) -> float | None:
    """Sound runs that wait for a hit have a share of .28 in groups of 4, those that were locked in .69 and more."""
    same = seen["most_common_reply"]
    is_one = same.has(2 * SHORT) and same.mean(2 * SHORT) >= 0.6 and seen["hits"].mean(2 * SHORT) < 0.05
    return seen["reward"].mean(SHORT) if is_one and seen.is_stuck() else None


@dataclass(frozen=True, slots=True)
class Rule:
    condition: Callable[[History], float | None]
    advice: str  # with {:.3g} where the value goes


RULES: dict[str, Rule] = {
    "kl_spike": Rule(
        kl_spike, "the policy is {:.3g} nats a token from its start, far more than before: lower learning_rate, or "
        "raise kl_coef; look at the replies, rewards that rise now may be hacked",
    ),
    "gradient_spike": Rule(
        gradient_spike, "the gradient's norm is {:.3g}, far above all before: lower learning_rate, keep grad_clip on, "
        "and look at the rollouts of this step",
    ),
    "sampler_drift": Rule(
        sampler_drift, "the updates are {:.3g} nats a token from the weights that wrote the replies: lower "
        "updates_per_batch or learning_rate, or take loss_fn=ppo, which clips",
    ),
    "length_drift": Rule(
        length_drift, "replies have {:.3g} tokens, twice or half as many as at the start: look at them; if length "
        "itself is being paid, lower max_tokens, or raise kl_coef",
    ),
    "advantage_drift": Rule(
        advantage_drift, "advantages are {:.3g} on average, far above all before, which has come before collapses: "
        "lower learning_rate, or take baseline=zscore, which keeps their scale",
    ),
    "equal_groups": Rule(
        equal_groups, "no group had an advantage for 100 steps (mean reward {:.3g}), so nothing is learned: raise "
        "group_size, take another baseline, or a channel that says more (reward_type)",
    ),
    "entropy_collapse": Rule(
        entropy_collapse, "entropy is down to {:.3g} nats a token and the reward does not rise: lower learning_rate, "
        "or set kl_coef or entropy_coef, and go on from an earlier checkpoint",
    ),
    "lock_in": Rule(
        lock_in, "the policy repeats one wrong answer (mean reward {:.3g}): take baseline=optimistic, which pushes "
        "groups apart that agree on too little, or set kl_coef, and go on from an earlier checkpoint",
    ),
}  # fmt: skip
RULES |= {name: Rule(condition, advice) for name, (condition, advice) in tool_alarms.ADVICE.items()}
ALARMS = ("nan", "worse_than_start", *RULES)  # the second when a run is done: `verdict`


class Alarms:
    """Watches the rows of a run.

    Example:
        alarms = Alarms(silence=("kl_spike",), best=1.0)
        for alarm in alarms.watch(step, row): ...
    """

    def __init__(self, silence: Sequence[str] = (), best: float | None = None) -> None:
        self.silence = frozenset(silence)
        self.seen = History(best)
        self.raised: dict[str, tuple[int, int]] = {}  # step of the last time, number of times

    def watch(self, step: int, row: Mapping[str, float | None]) -> list[Alarm]:
        """What is wrong now and was not said lately."""
        self.seen.add(row)
        return [alarm for alarm in self._found(row) if self._is_due(alarm.name, step)]

    def _found(self, row: Mapping[str, float | None]) -> list[Alarm]:
        broken = [metric for metric, value in row.items() if value is not None and not isfinite(value)]
        found = [Alarm("nan", float("nan"), nan_advice(broken))] if broken else []
        for name, rule in RULES.items():
            if (value := rule.condition(self.seen)) is not None:
                found.append(Alarm(name, value, rule.advice.format(value)))
        return found

    def _is_due(self, name: str, step: int) -> bool:
        last, times = self.raised.get(name, (0, 0))
        if name in self.silence or (times and step - last < QUIET * 2 ** (times - 1)):
            return False
        self.raised[name] = (step, times + 1)
        return True

    def state_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        series = {metric: one.state_dict() for metric, one in self.seen.series.items()}
        return {"series": series, "raised": {name: list(when) for name, when in self.raised.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.seen.series = {metric: Series(**one) for metric, one in state["series"].items()}
        self.raised = {name: (int(step), int(times)) for name, (step, times) in state["raised"].items()}


def nan_advice(metrics: Sequence[str]) -> str:
    return f"{', '.join(metrics)} is no number: lower learning_rate, or take dtype=float32"
