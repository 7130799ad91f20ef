"""The least that a task of your own has to say: its problems.

    class Letters(SimpleTask):
        def problem(self, index):
            letter = "abc"[index % 3]
            asked = Message("user", f"after {letter}?")
            return Problem(key=letter, messages=(asked,), reference=(chr(ord(letter) + 1),))

A reply is right when it is the reference, blanks around it aside; say `grade` for anything else. Options of its own are
a `TaskSection` under the name Options, and reach the fields of the class that have their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Self

from straw.config import TaskSection
from straw.tasks.single_turn import OneReply
from straw.types import End, Grade, Problem


class SimpleTask(OneReply):
    """One question, one reply, problems without end unless `num_problems` says how many there are.

    >>> class After(straw.SimpleTask):
    ...     def problem(self, index):
    ...         letter = "abc"[index % 3]
    ...         asked = straw.Message("user", f"after {letter}?")
    ...         return straw.Problem(key=letter, messages=(asked,), reference=(chr(ord(letter) + 1),))
    >>> task = straw.load(After, model="tiny-0.2M").task
    >>> task.grade(task.problem(1), ["c"], straw.End.ANSWERED).hits
    (True,)
    """

    Options = TaskSection
    num_problems: int | None = None
    reply_limit = 0  # the references tell

    @classmethod
    def from_options(cls, options: TaskSection) -> Self:
        names: list[str] = [one.name for one in fields(cls)] if is_dataclass(cls) else []
        return cls(**{name: getattr(options, name) for name in names if hasattr(options, name)})

    @property
    def name(self) -> str:
        return type(self).__name__

    def problem(self, index: int) -> Problem:
        raise NotImplementedError(f"{self.name} has to say which problem has the number {index}")

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        said = replies[0].strip()
        return Grade(hits=(said == problem.reference[0].strip(),), well_formed=end is End.ANSWERED, text=said)
