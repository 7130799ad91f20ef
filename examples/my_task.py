"""A task of your own, with an option: which letter comes next?

straw train examples/my_task.py:Letters size=3 n_batches=20
"""

from dataclasses import dataclass

from straw.config import TaskSection
from straw.config.option import option
from straw.tasks.simple import SimpleTask
from straw.types import Message, Problem


@dataclass(frozen=True, kw_only=True)
class LettersOptions(TaskSection):
    size: int = option(5, "how many letters are asked about", at_least=1, at_most=25)


@dataclass(frozen=True, kw_only=True)
class Letters(SimpleTask):
    Options = LettersOptions
    size: int = 5

    @property
    def num_problems(self) -> int:
        return self.size

    def problem(self, index: int) -> Problem:
        letter = chr(ord("a") + index % self.size)
        question = Message("user", f"after {letter}?")
        return Problem(key=letter, messages=(question,), reference=(chr(ord(letter) + 1),))

    @property
    def num_held_out(self) -> int:
        return self.size

    def held_out(self, index: int) -> Problem:
        return self.problem(index)
