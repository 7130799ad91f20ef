"""What tasks of one question and one reply have in common.

    OneReply   next_message(...) is None: the first reply ends the conversation       secret, words, and all that are
    Drawn      problems without end, made("train", 0), made("train", 1), ...  digits, countdown, gym

Of a drawn task, problems to train on and problems held out are two splits, and each task sees to it that no problem is
in both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from straw.config import Values
from straw.types import Problem

FROM_NOTHING: Values = {"warmup_batch": 32, "warmup_learning_rate": 2e-3, "warmup_steps": 2000}  # an embedded model


class OneReply:
    """A conversation that is over when the model has replied."""

    __slots__ = ()  # a task may have slots of its own, and no more than those
    max_turns = 1

    def next_message(self, problem: Problem, replies: Sequence[str]) -> None:
        return None


class Drawn(OneReply, ABC):
    """Every index of a split has a problem of its own."""

    __slots__ = ()
    num_problems = None
    num_held_out = None

    @abstractmethod
    def made(self, split: str, index: int) -> Problem:
        """A function of the task's options, the split and the index alone."""

    def problem(self, index: int) -> Problem:
        return self.made("train", index)

    def held_out(self, index: int) -> Problem:
        return self.made("held out", index)
