"""The learner that knows the formula of its reward: what an ideal observer believes, it is taught.

    log of (guess, reward)  ->  posterior over answers  ->  towards it                     (`soft_targets`)

For a deterministic channel the posterior is uniform on the answers that would have been paid alike for every guess;
for noisy_binary each guess has its likelihood. Of a game paid turn by turn every bit is learned by itself.

To know how a guess is paid for every answer that might be right is to know the task: no other algorithm here does,
and a run of this one says `reward_aware` wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.measure.ledger.received import Observer, observer_of
from straw.rewards.channel import Channel
from straw.tasks.base import Enumerable, Task
from straw.tasks.teacher_forcing import forced
from straw.training.learners.soft_targets import BeliefOptions, TargetDistribution
from straw.training.plan import Plan
from straw.types import Datum, Problem, Rollout


class RewardAware:
    """The log is what the observer keeps of it; answers are spelled once for each prompt."""

    Options = BeliefOptions
    facts: Mapping[str, float] = {"reward_aware": 1.0}

    def __init__(self, plan: Plan, engine: Engine, params: SamplingParams) -> None:
        self.task, self.chat = plan.task, engine.chat
        self.observer = known_observer(plan.task, plan.channel)
        self.answers: dict[str, list[Datum]] = {}

    @staticmethod
    def check(task: Task, channel: Channel) -> None:
        known_observer(task, channel)

    def observe(self, groups: Sequence[Sequence[Rollout]], step: int) -> None:
        assert isinstance(self.task, Enumerable)
        for rollout in (rollout for group in groups for rollout in group):
            self.observer.observe(rollout, self.task.target_index(rollout.problem))

    def beliefs(self) -> list[TargetDistribution]:
        return [
            TargetDistribution(self.spelled(problem), self.observer.shares(problem.key)) for problem in self.problems()
        ]

    def problems(self) -> list[Problem]:
        return [self.task.problem(index) for index in range(self.task.num_problems or 1)]

    def spelled(self, problem: Problem) -> list[Datum]:
        assert isinstance(self.task, Enumerable)
        if problem.key not in self.answers:
            task = self.task
            answers = [task.answer_at(index) for index in range(task.space)]
            self.answers[problem.key] = [forced(self.chat, task, problem, answer) for answer in answers]
        return self.answers[problem.key]

    def state_dict(self) -> dict[str, Any]:
        return self.observer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.observer.load_state_dict(state)


def known_observer(task: Task, channel: Channel) -> Observer:
    observer = observer_of(task, channel)
    if observer is None:
        raise ConfigError(
            f"algorithm=reward_aware works out what each answer would have been paid, and {task.name} paid by "
            f"{channel.name} has none that it could list. Choose another algorithm."
        )
    return observer
