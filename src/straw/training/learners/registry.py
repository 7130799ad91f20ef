"""Which learner a page gets.

A learner's class is made with the plan, the engine and the sampling. One that forms beliefs has `observe` and `beliefs`
(`soft_targets.BeliefLearner`), one that gives tokens advantages of their own has `data` (`own_data.DataLearner`), and
one that does everything by itself has `learn` (`base.Learner`); all keep what they know in `state_dict`. It may refuse
a task by `check(task, channel)` and a page by `check_page(page)`, name verbs that its engine must have (`needs`), bring
a `source(collector)` of rollouts, and have options of its own: a class `Options`.

surrogate         replies that would earn full reward, by a model of the reward that is fitted to the log
reward_aware      answers that the ideal observer still holds possible
regress           what was paid, by its own log-probabilities
expert_iteration  the best paid reply to each problem, again and again
es                evolution strategies: weights with noise, drawn towards those that were paid more
opd               a teacher's judgement of each token that the policy wrote
sdpo, rltf_sd     what was said of a reply, in words
ppo_critic        PPO with a value head
"""

from __future__ import annotations

from typing import Any

from straw.algorithms.replay import BestReplay
from straw.algorithms.row import Algorithm
from straw.config import Algorithm as AlgorithmSection
from straw.config import Page
from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.registry import find
from straw.rewards.channel import Channel
from straw.tasks.base import Task
from straw.training.learners.base import Learner
from straw.training.learners.own_data import FromData
from straw.training.learners.policy_gradient import PolicyGradient
from straw.training.learners.soft_targets import BeliefOptions, Toward
from straw.training.learners.supervised import Supervised
from straw.training.plan import Plan
from straw.training.updates import Updates

STATE = ("state_dict", "load_state_dict")


def own_learner(plan: Plan, engine: Engine, params: SamplingParams) -> Any:
    """The learner that an algorithm brings; None for one that learns from advantages or references."""
    return None if plan.row.learner is None else find("learners", plan.row.learner)(plan, engine, params)


def learner_of(plan: Plan, engine: Engine, updates: Updates, replay: BestReplay, own: Any) -> Learner:
    if plan.is_sft:
        return Supervised(plan, engine, updates)
    if own is None:
        return PolicyGradient(plan, engine, updates, replay)
    if hasattr(own, "data"):
        return FromData(plan, updates, own)
    learner: Learner = own if hasattr(own, "learn") else Toward(plan, updates, own)
    return learner


def keeps_a_log(own: Any) -> bool:
    """Whether every reward is learned from, whatever the advantages of its group are."""
    return own is not None and bool(getattr(own, "keeps_log", True))


def check_learner(row: Algorithm, page: Page, task: Task, channel: Channel) -> None:
    """Whether the algorithm's learner can learn this task, by this page."""
    if row.learner is None:
        return
    learner = find("learners", row.learner)
    check_methods(row.learner, learner)
    if (check := getattr(learner, "check", None)) is not None:
        check(task, channel)
    if (check_page := getattr(learner, "check_page", None)) is not None:
        check_page(page)


def check_methods(name: str, learner: Any) -> None:
    """Or a run would fall at its first checkpoint."""
    kinds = (("learn",), ("data",), ("observe", "beliefs"))
    own = next((kind for kind in kinds if hasattr(learner, kind[0])), kinds[-1])
    lacking = [method for method in (*own, *STATE) if isinstance(learner, type) and not hasattr(learner, method)]
    if lacking:
        raise ConfigError(
            f"a learner has observe and beliefs, or data, or learn, and {' and '.join(STATE)}; {name} lacks "
            f"{', '.join(lacking)}: see examples/my_learner.py."
        )


def check_verbs(plan: Plan, engine: Engine | type[Engine]) -> None:
    """Whether the engine has what the algorithm's learner asks of it."""
    needs = () if plan.row.learner is None else getattr(find("learners", plan.row.learner), "needs", ())
    if lacking := engine.lacks(needs):
        raise ConfigError(
            f"algorithm={plan.page.algorithm.algorithm} takes an engine with the verb {' and '.join(lacking)}, which "
            f"engine={plan.page.engine.engine} lacks. Write engine=local."
        )


def options_of(name: str) -> type[AlgorithmSection]:
    """The options of an algorithm with this learner; one that declares none has those of everybody with beliefs."""
    learner = find("learners", name)
    least = AlgorithmSection if hasattr(learner, "learn") or hasattr(learner, "data") else BeliefOptions
    found = getattr(learner, "Options", least)
    if not (isinstance(found, type) and issubclass(found, least)):
        raise ConfigError(
            f"the Options of a learner {'with' if least is BeliefOptions else 'without'} beliefs are a subclass of "
            f"{least.__name__}; got {found!r:.60} of {name}. Write class MyOptions({least.__name__})."
        )
    return found
