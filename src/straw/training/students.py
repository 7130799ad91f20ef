"""Which algorithms learn towards a belief, and who forms it.

surrogate     replies that would earn full reward, by a model of the reward that is fitted to the log
reward_aware  answers that the ideal observer still holds possible
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from straw.algorithms.named import NAMED
from straw.engines.base import Engine, SamplingParams
from straw.rewards.channel import Channel
from straw.tasks.base import Task
from straw.training.reward_aware import RewardAware, known_observer
from straw.training.surrogate import Surrogate, check_repeats
from straw.training.toward import Student

if TYPE_CHECKING:
    from straw.training.assemble import Plan

STUDENTS: dict[str, Callable[[Plan, Engine, SamplingParams], Student]] = {
    "surrogate": Surrogate,
    "reward_aware": lambda plan, engine, params: RewardAware(plan, engine.chat),
}


def student_of(plan: Plan, engine: Engine, params: SamplingParams) -> Student | None:
    """None for an algorithm that learns from advantages."""
    name = NAMED[plan.page.algorithm.algorithm].student
    return None if name is None else STUDENTS[name](plan, engine, params)


def check_student(algorithm: str, task: Task, channel: Channel) -> None:
    """Whether the algorithm's student can learn this task."""
    match NAMED[algorithm].student:
        case "surrogate":
            check_repeats(task)
        case "reward_aware":
            known_observer(task, channel)
