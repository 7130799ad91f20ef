"""Any task of straw as a game that others play: a problem, replies, and what the page's reward pays for them.

    sitting = Game(task, channel).sitting()
    sitting.reset(seed=7)        -> Shown(text="...", reward=None, done=False)
    sitting.step("42")           -> Shown(text="", reward=1.0, done=True)

The same seed is the same problem. What is right stays here: nobody is told more than the task says and the reward pays.
A task whose other side is a program (env:...) is played by calls, one a line, which are offered with what is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any
from uuid import uuid4

from straw.errors import StrawError
from straw.rewards.channel import Channel
from straw.seeds import seed_for, uniform_for
from straw.tasks.base import HeldOut, Task, World
from straw.text.tools.calls import PLAIN
from straw.text.tools.forms import read_reply, with_offer
from straw.types import End, Message, Problem, Rollout


class NotPlayed(StrawError):
    """A move that cannot be made: no episode was begun, or it is over."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a player gets."""

    messages: tuple[Message, ...]  # new ones
    reward: float | None = None
    done: bool = False


@dataclass(slots=True)
class Game:
    """What is played, by as many as like."""

    task: Task
    channel: Channel
    drawn: Any = field(default_factory=count)  # problems for those who name no seed
    one_at_a_time: Lock = field(default_factory=Lock)  # a task of somebody else may not bear two threads

    def sitting(self) -> Sitting:
        return Sitting(self)

    def problem(self, seed: int | None, split: str) -> Problem:
        index = next(self.drawn) if seed is None else seed
        if split != "train" and isinstance(self.task, HeldOut):
            return self.task.held_out(index % self.task.num_held_out if self.task.num_held_out else index)
        return self.task.problem(index % self.task.num_problems if self.task.num_problems else index)

    def paid(self, rollout: Rollout, seed: int) -> float | None:
        """None where the reward has nothing to say."""
        (payment,) = self.channel.pay([rollout], [uniform_for(seed, "served")], 0)
        return None if payment.parts == {} else payment.total


@dataclass(slots=True)
class Sitting:
    """One player's episodes, one after another."""

    game: Game
    id: str = ""
    seed: int = 0
    problem: Problem | None = None
    replies: list[str] = field(default_factory=list)
    episode: Any = None  # of a task that is a world
    done: bool = True

    def reset(self, seed: int | None = None, episode_id: str | None = None, split: str = "train") -> Shown:
        with self.game.one_at_a_time:
            self.leave()
            self.id, self.seed = episode_id or str(uuid4()), seed or 0
            self.problem, self.replies, self.done = self.game.problem(seed, split), [], False
            return Shown(self.opening(self.problem))

    def opening(self, problem: Problem) -> tuple[Message, ...]:
        task = self.game.task
        if not isinstance(task, World):
            return problem.messages
        self.episode = task.episode(problem, seed_for(self.seed, "served"))
        messages = self.episode.open()
        if messages is None:
            self.done = True
            raise NotPlayed(f"the environment cannot be begun: {self.episode.reason}")
        schemas = task.schemas(problem)
        return tuple(with_offer(messages, PLAIN, schemas) if schemas else messages)

    def step(self, text: str) -> Shown:
        with self.game.one_at_a_time:
            if self.problem is None or self.done:
                raise NotPlayed("reset comes first" if self.problem is None else "this episode is over: reset")
            self.replies.append(text)
            heard = self.heard(self.problem, text)
            if heard is not None and len(self.replies) < self.game.task.max_turns:
                return Shown(heard)
            self.done = True
            end = End.ANSWERED if heard is None else End.OUT_OF_TURNS
            return Shown(heard or (), self.game.paid(self.finished(self.problem, end), self.seed), done=True)

    def heard(self, problem: Problem, text: str) -> tuple[Message, ...] | None:
        """None where the episode ends by itself."""
        task = self.game.task
        if self.episode is None:
            said = task.next_message(problem, self.replies)
            return None if said is None else (said,)
        assert isinstance(task, World)
        read = read_reply(PLAIN, text, task.schemas(problem))
        results: Sequence[dict[str, str]] | None = self.episode.answer(read)
        return None if results is None else (Message("user", "\n".join(one["content"] for one in results)),)

    def finished(self, problem: Problem, end: End) -> Rollout:
        task = self.game.task
        if self.episode is None:
            grade = task.grade(problem, tuple(self.replies), end)
            return Rollout(problem=problem, turns=(), replies=tuple(self.replies), end=end, grade=grade)
        assert isinstance(task, World)
        play = self.episode.close()
        end = End.FAILED if play.reason else end
        rollout = Rollout(
            problem=problem, turns=(), replies=tuple(self.replies), end=end, grade=task.grade_of(play, end), play=play
        )
        task.give_back(problem, self.episode)
        self.episode = None
        return rollout

    def leave(self) -> None:
        """An episode that nobody ends is left; its environment is not used again."""
        self.episode = None

    @property
    def state(self) -> dict[str, Any]:
        return {"episode_id": self.id or None, "step_count": len(self.replies)}
