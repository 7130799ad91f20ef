"""One line of Python, found from examples and run: the least program that a small model can learn to write.

    user        2:5 3:6 4:7                    what a function makes of three numbers
    assistant   x+3                            the function, as an expression of x

A reply is a program: it is run in the sandbox, for the numbers that were shown and for as many that were not, and is
right when every value is. How it is written does not matter: 3+x is x+3. Problem i of a split is
drawn again and again until it belongs there, by a hash of what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Self

from straw.config import Page, TaskSection, Tuning, Values
from straw.config.option import MOST_SEED, option
from straw.sandbox.limits import Limits
from straw.sandbox.process import check as check_sandbox
from straw.sandbox.programs import Call
from straw.seeds import seed_for, uniform_for
from straw.tasks.code.exercises import Exercise
from straw.tasks.code.grading import Runner
from straw.tasks.single_turn import FROM_NOTHING, Drawn
from straw.types import End, Grade, Message, Problem

HELD_OUT = 0.1  # the share of all problems that is never trained on
SHOWN, HIDDEN = 3, 3  # numbers
LAST = 6  # of the numbers that the shown ones begin with
LIMITS = Limits(cpu_s=1, wall_s=5.0, memory=256 << 20, output=10_000)
GRPO: Values = {
    "algorithm": "grpo", "group_size": 8, "batch_size": 8, "kl_coef": 0.0, "n_batches": 150, "eval_samples": 100,
    "eval_every": 50,
}  # fmt: skip
TUNED = Tuning(values={"learning_rate": 3e-4})


@dataclass(frozen=True, kw_only=True)
class OneLineOptions(TaskSection):
    """One-line programs from examples."""

    kind: str = option("one_line", "the task", registry="tasks")
    largest: int = option(5, "the largest number in a program", at_least=1, at_most=99)
    task_seed: int = option(
        0, "the seed that draws the problems, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )

    @property
    def enough_accuracy(self) -> float:
        return 0.35  # there is something to reinforce, and most is still to be learned

    def defaults(self, page: Page) -> Values:
        return GRPO | FROM_NOTHING if page.model.is_embedded else GRPO | {"max_tokens": 32}

    def tuning(self, page: Page) -> Tuning:
        return TUNED


@dataclass(frozen=True, slots=True)
class Line:
    """A program, and numbers to try it on: those that are shown first."""

    text: str
    numbers: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLine(Drawn):
    """Programs of one line: x plus, minus or times a number, or the number minus x."""

    Options = OneLineOptions

    largest: int = 5
    task_seed: int = 0
    runner: Runner = field(default_factory=lambda: Runner(LIMITS, 10.0))

    @classmethod
    def from_options(cls, options: OneLineOptions) -> Self:
        check_sandbox()
        return cls(largest=options.largest, task_seed=options.task_seed)

    @property
    def name(self) -> str:
        return "one_line"

    @property
    def reply_limit(self) -> int:
        return len(f"x+{self.largest}") + 2

    def made(self, split: str, index: int) -> Problem:
        seeds = (seed_for(self.task_seed, self.name, split, index, trial) for trial in count())
        drawn = (self.draw(Random(seed)) for seed in seeds)
        return asked(next(line for line in drawn if split_of(line) == split))

    def draw(self, random: Random) -> Line:
        number = random.randint(1, self.largest)
        text, made = random.choice(
            [
                (f"x+{number}", lambda x: x + number),
                (f"x-{number}", lambda x: x - number),
                (f"x*{number}", lambda x: x * number),
                (f"{number}-x", lambda x: number - x),
            ]
        )
        first = random.randint(0, LAST)
        hidden = Random(seed_for("one_line", "hidden", text, first))  # so that a known program need not be run again
        numbers = (*range(first, first + SHOWN), *hidden.sample(range(10, 100), HIDDEN))
        return Line(text, numbers, tuple(map(made, numbers)))

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        program = f"f = lambda numbers: [({replies[0]}) for x in numbers]"
        passed = self.runner.passed(problem.key, exercise_of(problem), program)
        text = "".join(replies[0].split())
        return Grade(hits=(all(passed),), well_formed="x" in text, text=text or None)


def asked(line: Line) -> Problem:
    shown = " ".join(f"{x}:{y}" for x, y in zip(line.numbers[:SHOWN], line.values, strict=False))
    return Problem(
        key=f"one_line-{'-'.join(map(str, line.numbers))}-{line.text}",
        messages=(Message("user", shown),),
        reference=(line.text,),
        facts={"numbers": list(line.numbers), "values": list(line.values)},
    )


def exercise_of(problem: Problem) -> Exercise:
    numbers, values = problem.facts["numbers"], problem.facts["values"]
    return Exercise(
        text=problem.messages[-1].content,
        function="f",
        questions=(Call("f", (numbers,)),),
        expected=(values,),
    )


def split_of(line: Line) -> str:
    return "held out" if uniform_for("one_line", "split", line.text, *line.numbers[:SHOWN]) < HELD_OUT else "train"
