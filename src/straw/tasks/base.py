"""What a task is: it asks, listens and reports facts. What a fact is worth is for a reward to say.

    problem(index) -> next_message(...) after every turn -> grade(...)

A conversation is a problem's messages, a reply, its `next_message`, a reply, ... until that is None.
Tasks know texts only, never tokens. What can be measured depends on what else a task can tell:

    Enumerable   every possible answer      bits known, by teacher forcing        the secret game
    HeldOut      problems never trained on  accuracy, by sampling                 digits
    FromData     problems that stand in files, which may be faulty                gsm8k
    World        another program on the other side, which answers and pays        env:FILE.py:Class
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from straw.tasks.secret.numbers import Hidden
from straw.types import End, Grade, Message, Play, Problem


class Task(Protocol):
    """One kind of problem, with its options inside; `straw.SimpleTask` is the least that one of your own has to say.

    >>> task = straw.load("secret", N=16, model="tiny-0.2M").task
    >>> problem = task.problem(0)
    >>> task.grade(problem, problem.reference, straw.End.ANSWERED).hits
    (True,)
    """

    @property
    def name(self) -> str: ...

    @property
    def max_turns(self) -> int:
        """Replies in a conversation that ends by itself."""
        ...

    @property
    def reply_limit(self) -> int:
        """Characters of the longest answer of one turn."""
        ...

    @property
    def num_problems(self) -> int | None:
        """Different problems there are; None when they never repeat."""
        ...

    def problem(self, index: int) -> Problem:
        """A function of the task's options and the index alone, so that a resumed run sees the same problems."""
        ...

    def next_message(self, problem: Problem, replies: Sequence[str]) -> Message | None:
        """The user's next message after these replies; None when the conversation is over."""
        ...

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        """Facts about the rollout. Turns that never came are misses."""
        ...


@runtime_checkable
class Enumerable(Task, Protocol):
    """A task whose answers can be listed.

    `answer_at` spells each of the `space` possible answers, `index_of` reads them and `target_index` says which one is
    right, so that a measure can ask the model for the probability of each without knowing the task.
    """

    @property
    def space(self) -> int:
        """How many answers a uniform guesser would choose from: N, or N**length for a sequence."""
        ...

    def answer_at(self, index: int) -> tuple[str, ...]:
        """The possible answer with this index in [0, space), one text per turn, in the order of their values."""
        ...

    def index_of(self, replies: Sequence[str]) -> int | None:
        """Which answer was read in these replies; None for none of them."""
        ...

    def target_index(self, problem: Problem) -> int:
        """Which answer is the right one."""
        ...


@runtime_checkable
class Guessing(Enumerable, Protocol):
    """A task whose answers are numbers in [0, N), or sequences of them, so that a guess is near or far."""

    @property
    def hidden(self) -> Hidden: ...


@runtime_checkable
class HeldOut(Task, Protocol):
    """A task with more problems than are trained on; one reply each."""

    @property
    def num_held_out(self) -> int | None:
        """How many there are to ask; None when they never repeat."""
        ...

    def held_out(self, index: int) -> Problem:
        """Another function of options and index: a problem that `problem` never gives."""
        ...


@runtime_checkable
class Graded(Task, Protocol):
    """A task that has answers compared by a grader that goes by a name."""

    @property
    def grader_name(self) -> str: ...


@runtime_checkable
class InFiles(Task, Protocol):
    """A task that can say where its problems stand, so that nobody takes one data set for another."""

    def stands_in(self, *, held_out: bool) -> str:
        """Of those that are asked, or of those that are trained on: data/mine (test)"""
        ...


@runtime_checkable
class World(Task, Protocol):
    """A task whose other side is a program: `next_message` and `grade` have nothing to say, an episode does.

    An episode (`tasks.environments.episode`) is opened, answers what was read in each reply, and is closed; before each
    it is told to begin, submit or finish, so that one behind a socket can work for all episodes at once. Whoever was
    paid for it gives its environment back.
    """

    limits: Any
    tool_form: str

    @property
    def pays(self) -> bool:
        """Whether the environment pays by itself."""
        ...

    @property
    def knows_success(self) -> bool:
        """Whether it says what was solved."""
        ...

    def room_for(self, wanted: int) -> int:
        """How many episodes can be played at once, `wanted` at most."""
        ...

    def episode(self, problem: Problem, seed: int) -> Any: ...
    def give_back(self, problem: Problem, episode: Any) -> None: ...
    def close(self) -> None:
        """What was begun for a run ends; it is begun again where somebody plays again."""
        ...

    def schemas(self, problem: Problem) -> Sequence[Mapping[str, Any]]:
        """Of the tools that there are."""
        ...

    def grade_of(self, play: Play, end: End) -> Grade: ...


@runtime_checkable
class FromData(HeldOut, Protocol):
    """A task whose problems stand in files, so that each has a place a person can look at."""

    @property
    def remarks(self) -> list[str]:
        """What a person should know about the data."""
        ...

    def placed(self) -> Iterator[tuple[str, Problem]]:
        """Every problem that is trained on, and where it stands."""
        ...

    def without(self, places: Collection[str]) -> Self:
        """The same task, not trained on the problems at these places."""
        ...

    def check_golds(self) -> str | None:
        """Every gold answer earns full marks, or a DataError with its place; a remark where such rows are skipped."""
        ...

    def readable(self) -> Self:
        """The same task, not trained on golds that cannot earn full marks."""
        ...
