"""The least that a task of one's own has to say."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from straw.config import TaskSection
from straw.config.option import option
from straw.tasks.simple import SimpleTask
from straw.types import End, Message, Problem


@dataclass(frozen=True, kw_only=True)
class LettersOptions(TaskSection):
    """Letters."""

    kind: str = option("letters", "the task")
    first: int = option(0, "the first letter")
    unused: int = option(7, "nothing")


@dataclass(frozen=True)
class Letters(SimpleTask):
    Options = LettersOptions
    first: int = 1
    own: str = "kept"

    def problem(self, index: int) -> Problem:
        letter = "abc"[(self.first + index) % 3]
        return Problem(key=letter, messages=(Message("user", f"{letter}?"),), reference=(f" {letter}\n",))


class Bare(SimpleTask):
    """Says nothing."""


def test_options_reach_the_fields_that_have_their_names_and_no_others() -> None:
    assert Letters.from_options(LettersOptions(kind="letters", first=2)) == Letters(first=2, own="kept")
    assert isinstance(Bare.from_options(LettersOptions(kind="letters")), Bare)


def test_a_reply_is_right_when_it_is_the_reference_blanks_aside() -> None:
    task = Letters()
    for reply, end, hit, well_formed in (
        ("b", End.ANSWERED, True, True), (" b ", End.OUT_OF_TOKENS, True, False), ("c", End.ANSWERED, False, True),
        ("", End.ANSWERED, False, True),
    ):  # fmt: skip
        grade = task.grade(task.problem(0), [reply], end)
        assert (grade.hits, grade.well_formed, grade.text) == ((hit,), well_formed, reply.strip())


def test_problems_never_end_and_the_references_tell_how_long_a_reply_may_be() -> None:
    task = Letters()
    assert (task.num_problems, task.reply_limit, task.max_turns, task.name) == (None, 0, 1, "Letters")
    assert task.next_message(task.problem(0), ["b"]) is None  # type: ignore[func-returns-value]


def test_a_task_that_says_no_problems_is_told_so() -> None:
    with pytest.raises(NotImplementedError, match="Bare has to say which problem has the number 3"):
        Bare().problem(3)
