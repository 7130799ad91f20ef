"""The learner that knows the formula of its reward: what an ideal observer believes, it is taught.

    log of (guess, reward)  ->  posterior over answers  ->  towards it                     (`toward`)

For a deterministic channel the posterior is uniform on the answers that would have been paid alike for every guess;
for noisy_binary each guess has its likelihood. Of a game paid turn by turn every bit is learned by itself.

To know how a guess is paid for every answer that might be right is to know the task: no other algorithm here does,
and a run of this one says `reward_aware` wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from straw.errors import ConfigError
from straw.measure.candidates import Observer, observer_of
from straw.rewards.channel import Channel
from straw.tasks.base import Enumerable, Task
from straw.tasks.forced import forced
from straw.text.chat import Chat
from straw.training.toward import Belief
from straw.types import Datum, Problem, Rollout

if TYPE_CHECKING:
    from straw.training.assemble import Plan


class RewardAware:
    """The log is what the observer keeps of it; answers are spelled once for each prompt."""

    facts: Mapping[str, float] = {"reward_aware": 1.0}

    def __init__(self, plan: Plan, chat: Chat) -> None:
        self.task, self.chat = plan.task, chat
        self.observer = known_observer(plan.task, plan.channel)
        self.answers: dict[str, list[Datum]] = {}

    def hear(self, groups: Sequence[Sequence[Rollout]], step: int) -> None:
        assert isinstance(self.task, Enumerable)
        for rollout in (rollout for group in groups for rollout in group):
            self.observer.hear(rollout, self.task.target_index(rollout.problem))

    def beliefs(self) -> list[Belief]:
        return [Belief(self.spelled(problem), self.observer.shares(problem.key)) for problem in self.problems()]

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
