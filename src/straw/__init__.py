"""Reinforcement learning for small language models, with every bit accounted for.

    import straw

    run = straw.train("secret", N=64, reward="binary")              a task of straw's
    run = straw.train(rows, reward=my_reward, model="smollm2")      data and a reward of your own
    run.metrics, run.rollouts, run.plot(), run.sample("..."), run.path

    straw.load(...)        a page, to look at or to train              straw.resume(run)    go on where it stopped
    straw.evaluate(...)    problems, graders, accuracy                 straw.sweep(PAGE)    many runs from one page
    straw.engine(...)      a model behind sample, forward_backward, optim_step, publish: a loop of your own

What the command line does is a thin layer on these. Everything here is imported when it is asked for, so that
`import straw` brings neither torch nor numpy. What a person can mend is a straw.StrawError of one line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from straw.algorithms.row import Algorithm
    from straw.config import TaskSection
    from straw.config.option import option
    from straw.engines.base import AdamParams, Engine, Loss, Reply, SamplingParams
    from straw.errors import ConfigError, DataError, ModelError, RewardError, RunError, StrawError, TrainingError
    from straw.evaluation.evaluate import Evaluated
    from straw.library.engines import engine
    from straw.library.evaluating import evaluate
    from straw.library.frames import Table
    from straw.library.pages import LoadedPage, load
    from straw.library.run import Run
    from straw.library.sweeping import Sweep, sweep
    from straw.library.training import resume, train
    from straw.rewards.channel import Channel
    from straw.tasks.base import Task
    from straw.tasks.simple import SimpleTask
    from straw.types import Datum, End, Grade, Message, Payment, Play, Problem, Rollout, ToolCall, Turn

PLACES = {
    "straw.library.training": ("train", "resume"),
    "straw.library.pages": ("load", "LoadedPage"),
    "straw.library.run": ("Run",),
    "straw.library.frames": ("Table",),
    "straw.library.sweeping": ("sweep", "Sweep"),
    "straw.library.evaluating": ("evaluate",),
    "straw.library.engines": ("engine",),
    "straw.evaluation.evaluate": ("Evaluated",),
    "straw.tasks.base": ("Task",),
    "straw.tasks.simple": ("SimpleTask",),
    "straw.config": ("TaskSection",),
    "straw.config.option": ("option",),
    "straw.rewards.channel": ("Channel",),
    "straw.algorithms.row": ("Algorithm",),
    "straw.types": ("Problem", "Message", "Turn", "End", "Grade", "Payment", "Rollout", "Datum", "Play", "ToolCall"),
    "straw.engines.base": ("Engine", "Reply", "SamplingParams", "AdamParams", "Loss"),
    "straw.errors": (
        "StrawError", "ConfigError", "DataError", "ModelError", "RewardError", "RunError", "TrainingError",
    ),
}  # fmt: skip
FOUND_IN = {name: module for module, names in PLACES.items() for name in names}

__all__ = [
    "AdamParams",
    "Algorithm",
    "Channel",
    "ConfigError",
    "DataError",
    "Datum",
    "End",
    "Engine",
    "Evaluated",
    "Grade",
    "LoadedPage",
    "Loss",
    "Message",
    "ModelError",
    "Payment",
    "Play",
    "Problem",
    "Reply",
    "RewardError",
    "Rollout",
    "Run",
    "RunError",
    "SamplingParams",
    "SimpleTask",
    "StrawError",
    "Sweep",
    "Table",
    "Task",
    "TaskSection",
    "ToolCall",
    "TrainingError",
    "Turn",
    "engine",
    "evaluate",
    "load",
    "option",
    "resume",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for."""
    if name not in FOUND_IN:
        raise AttributeError(f"module 'straw' has no attribute {name!r}")
    found = getattr(import_module(FOUND_IN[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
