"""Which learner a page gets.

A learner's class is made with the plan, the engine and the sampling. One that forms beliefs has `observe` and `beliefs`
(`soft_targets.BeliefLearner`), one that does everything by itself has `learn` (`base.Learner`); both keep what they
know in `state_dict`. It may refuse a task by `check(task, channel)`, and have options of its own: a class `Options`.

surrogate     replies that would earn full reward, by a model of the reward that is fitted to the log
reward_aware  answers that the ideal observer still holds possible
"""

from __future__ import annotations

from typing import Any

from straw.algorithms.row import Algorithm
from straw.algorithms.replay import BestReplay
from straw.config import Algorithm as AlgorithmSection
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.registry import find
from straw.rewards.channel import Channel
from straw.tasks.base import Task
from straw.training.learners.base import Learner
from straw.training.learners.policy_gradient import PolicyGradient
from straw.training.learners.soft_targets import BeliefOptions, Toward
from straw.training.learners.supervised import Supervised
from straw.training.plan import Plan
from straw.training.updates import Updates


def own_learner(plan: Plan, engine: Engine, params: SamplingParams) -> Any:
    """The learner that an algorithm brings; None for one that learns from advantages or references."""
    return None if plan.row.learner is None else find("learners", plan.row.learner)(plan, engine, params)


def learner_of(plan: Plan, engine: Engine, updates: Updates, replay: BestReplay, own: Any) -> Learner:
    if plan.is_sft:
        return Supervised(plan, engine, updates)
    if own is None:
        return PolicyGradient(plan, engine, updates, replay)
    learner: Learner = own if hasattr(own, "learn") else Toward(plan, updates, own)
    return learner


def check_learner(row: Algorithm, task: Task, channel: Channel) -> None:
    """Whether the algorithm's learner can learn this task."""
    if row.learner is not None and (check := getattr(find("learners", row.learner), "check", None)) is not None:
        check(task, channel)


def options_of(name: str) -> type[AlgorithmSection]:
    """The options of an algorithm with this learner; one that declares none has those of everybody with beliefs."""
    learner = find("learners", name)
    least = AlgorithmSection if hasattr(learner, "learn") else BeliefOptions
    found = getattr(learner, "Options", least)
    if not (isinstance(found, type) and issubclass(found, least)):
        raise ConfigError(
            f"the Options of a learner {'with' if least is BeliefOptions else 'without'} beliefs are a subclass of "
            f"{least.__name__}; got {found!r:.60} of {name}. Write class MyOptions({least.__name__})."
        )
    return found
