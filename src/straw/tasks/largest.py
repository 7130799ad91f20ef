"""Which of some numbers is the largest: what a small model can be seen to learn from right or wrong alone.

    user       Which of these numbers is the largest: 47, 80, 42?
    assistant  The largest is 80.

A model of 135M parameters, taught to follow instructions, is right in one reply of ten: mostly it says something else
than a number. So two things can be learned and are told apart. `format_compliance` says how many replies end with a
number of the list, which is the form; of those a third is right by chance, and whatever is above that is content.

Other lists and other words are never trained on and can be asked: straw eval largest numbers=5 wording=biggest
model=runs/largest. Problem i of a split is drawn again and again until it belongs there; where a list belongs is a hash
of its numbers alone, in whatever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal, Self

from straw.config import Page, TaskSection, Tuning, Values
from straw.config.option import MOST_SEED, option
from straw.seeds import seed_for, uniform_for
from straw.tasks.single_turn import FROM_NOTHING, Drawn
from straw.text.reading.extract import extract_answer
from straw.types import End, Grade, Message, Problem

HELD_OUT = 0.1  # the share of all lists that is never trained on
WORDINGS = {
    "largest": "Which of these numbers is the largest: {}?",
    "biggest": "Find the biggest number among {}.",
    "short": "{} largest?",
}
GRPO: Values = {
    "algorithm": "grpo", "group_size": 8, "batch_size": 4, "kl_coef": 0.0, "n_batches": 30, "max_tokens": 12,
    "eval_samples": 200, "eval_every": 15,
}  # fmt: skip
TUNED = Tuning(values={"learning_rate": 2e-4})  # a tenth of it, 2e-5, for a real model
Numbers = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class LargestOptions(TaskSection):
    """Which of some numbers is the largest."""

    kind: str = option("largest", "the task", registry="tasks")
    numbers: int = option(3, "how many numbers a list has", at_least=2, at_most=20)
    digits: int = option(2, "how many digits a number has", at_least=1, at_most=6)
    wording: Literal["largest", "biggest", "short"] | None = option(
        None, "the words of the question; none: largest, and short for an embedded model"
    )
    task_seed: int = option(
        0, "the seed that draws the problems, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )

    @property
    def enough_accuracy(self) -> float:
        return 0.5

    def defaults(self, page: Page) -> Values:
        """What SmolLM2-135M-Instruct learns with in some minutes; an embedded model is asked in a few characters."""
        if page.model.is_embedded:
            return GRPO | FROM_NOTHING | {"wording": "short"}
        return GRPO | {"wording": "largest"}

    def tuning(self, page: Page) -> Tuning:
        return TUNED


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest(Drawn):
    """Which of some numbers is the largest: lists without end.

    Example: Largest().problem(0).messages[0].content == "Which of these numbers is the largest: 97, 50, 59?"
    """

    Options = LargestOptions

    numbers: int = 3
    digits: int = 2
    wording: str = "largest"
    task_seed: int = 0

    @classmethod
    def from_options(cls, options: LargestOptions) -> Self:
        return cls(
            numbers=options.numbers, digits=options.digits, wording=options.wording or "largest",
            task_seed=options.task_seed,
        )  # fmt: skip

    @property
    def name(self) -> str:
        return "largest"

    @property
    def reply_limit(self) -> int:
        return len(self.reply((10**self.digits - 1,)))

    def made(self, split: str, index: int) -> Problem:
        seeds = (seed_for(self.task_seed, self.name, split, index, trial) for trial in count())
        lists = (self.draw(Random(seed)) for seed in seeds)
        return self.asked(next(found for found in lists if split_of(found) == split))

    def draw(self, random: Random) -> Numbers:
        """No number twice; 0 to 9 where they have one digit."""
        lowest = 10 ** (self.digits - 1) if self.digits > 1 else 0
        return tuple(random.sample(range(lowest, 10**self.digits), min(self.numbers, 10**self.digits - lowest)))

    def asked(self, numbers: Numbers) -> Problem:
        return Problem(
            key=f"{self.name}-{'-'.join(map(str, numbers))}",
            messages=(Message("user", WORDINGS[self.wording].format(", ".join(map(str, numbers)))),),
            reference=(self.reply(numbers),),
            facts={"numbers": list(numbers), "answer": max(numbers)},
        )

    def reply(self, numbers: Numbers) -> str:
        return str(max(numbers)) if self.wording == "short" else f"The largest is {max(numbers)}."

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        said = extract_answer(replies[0]).number
        return Grade(
            hits=(said == problem.facts["answer"],),
            well_formed=said in problem.facts["numbers"],  # type: ignore[operator]
            answer=said,
        )


def split_of(numbers: Numbers) -> str:
    """The side a list is on; the same numbers in another order are the same list here."""
    return "held out" if uniform_for("largest", "split", *sorted(numbers)) < HELD_OUT else "train"
