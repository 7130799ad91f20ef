"""What a run measures every eval_every steps: the question that its task can answer.

Enumerable   bits known of the secret, by teacher forcing       measure.bits_known
HeldOut      accuracy on problems never trained on              measure.accuracy
"""

from __future__ import annotations

from typing import NamedTuple

from straw.engines.base import Engine, SamplingParams
from straw.measure.accuracy import Answered, accuracy_of, ask
from straw.measure.bits_known import mean_known, measure_known
from straw.tasks.base import Enumerable, HeldOut
from straw.training.assemble import Plan


class Measured(NamedTuple):
    """Numbers for metrics.jsonl, and the replies that they came from, if there are any."""

    numbers: dict[str, float]
    answered: list[Answered]


def measure(plan: Plan, engine: Engine, sampling: SamplingParams) -> Measured:
    task, run = plan.task, plan.page.run
    if isinstance(task, Enumerable):
        problems = [task.problem(index) for index in range(task.num_problems or 1)]
        return Measured(mean_known([measure_known(engine, task, problem) for problem in problems]), [])
    if isinstance(task, HeldOut):
        answered = ask(engine, task, run.eval_samples, run.seed, sampling)
        return Measured(accuracy_of(answered), answered)
    return Measured({}, [])
