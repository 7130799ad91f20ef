"""Countdown: reach a target with some numbers, each used exactly once, by + - * / and brackets.

    user       Use each of the numbers 7, 9, 2 and 4 exactly once ... to make 28. ...
    assistant  <reasoning> ... </reasoning> <answer> (7 + 9) * 2 - 4 </answer>

    user       7 9 2 4 make 28?                     the short prompt, for models that were never taught to follow one
    assistant  (7+9)*2-4

A reply is right when its expression has the value of the target, in exact fractions, and uses the given numbers. There
are many ways to be right, so the words of right answers can be counted. Problems are drawn as digits are: again and
again until they belong to their split, which is a hash of numbers and target alone, in whatever order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Self

from straw.config import Page, Values
from straw.config.option import option
from straw.errors import ConfigError
from straw.registry import find
from straw.seeds import seed_for, uniform_for
from straw.tasks.countdown.expression import equation
from straw.tasks.countdown.numbers import MOST_DRAWS, Draw, Reached
from straw.tasks.prompting.few_shot import Shot, first
from straw.tasks.prompting.prompt_formats import FORMS, Form, conversation, form_named
from straw.tasks.single_turn import Drawn
from straw.tasks.word_problems.options import MadeOptions
from straw.text.reading.answer_tags import form_of
from straw.types import End, Grade, Message, Problem

HELD_OUT = 0.1  # the share of all problems that is never trained on
SHOTS = (
    Shot("8, 3 and 5", "8 - 5 = 3\n3 * 3 = 9", "(8 - 5) * 3"),
    Shot("6, 4, 10 and 2", "6 * 4 = 24\n10 / 2 = 5\n24 - 5 = 19", "6 * 4 - 10 / 2"),
    Shot("20, 7 and 3", "7 - 3 = 4\n20 / 4 = 5", "20 / (7 - 3)"),
    Shot("9, 1, 12 and 5", "9 + 1 = 10\n12 * 5 = 60\n60 / 10 = 6", "12 * 5 / (9 + 1)"),
)


EASY: Values = {"numbers": "3", "max_number": 9, "max_target": 20, "operators": "+-"}  # for 1M parameters
SPAN = re.compile(r"([0-9]{1,2})(?:\.\.([0-9]{1,2}))?")


@dataclass(frozen=True, kw_only=True)
class CountdownOptions(MadeOptions):
    """Reach a target with given numbers, each used once."""

    kind: str = option("countdown", "the task", registry="tasks")
    prompt: Literal["long", "short"] | None = option(
        None, "how it is asked: in words, or in a few characters; none: by the model"
    )
    countdown_generator: str = option(
        "expression", "where targets come from: random expressions, a search, or a function", registry="generators"
    )
    numbers: str = option("3..4", "how many numbers a problem has, from..to")
    min_number: int = option(1, "the smallest number that is given", at_least=0, at_most=999_999)
    max_number: int = option(99, "the largest number that is given", at_least=1, at_most=999_999)
    max_target: int = option(100, "the largest target; the smallest is 1", at_least=1, at_most=999_999)
    operators: str = option("+-*/", "the operators that targets are made with; a completion may use all four")
    grader: str | None = option(
        None, "left open: a reply is right when its value is", example="none", registry="graders"
    )

    @property
    def span(self) -> tuple[int, int]:
        """The least and the most numbers."""
        found = SPAN.fullmatch(self.numbers)
        low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 2 <= low <= high <= 6:
            raise ConfigError(
                f"numbers says how many are given, from 2 to 6; got numbers={self.numbers}. Write for example "
                "numbers=3..4, or numbers=3."
            )
        return low, high

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.span[1] > 4 and self.countdown_generator == "random":
            raise ConfigError(
                f"countdown_generator=random looks for a way to each target, which takes too long for more than 4; got "
                f"numbers={self.numbers}. Write countdown_generator=expression."
            )
        if not self.operators or not set(self.operators) <= set("+-*/"):
            raise ConfigError(
                f"operators are some of + - * and /; got operators={self.operators}. Write operators=+-*/."
            )
        if self.min_number > self.max_number:
            raise ConfigError(
                f"min_number is at most max_number; got {self.min_number} and {self.max_number}. Write min_number=1."
            )
        if self.grader is not None:
            raise ConfigError(
                f"countdown compares values by itself, with exact fractions; got grader={self.grader}. Leave it out."
            )

    @property
    def enough_accuracy(self) -> float:
        return 0.3

    def defaults(self, page: Page) -> Values:
        """A model from nothing is asked in a few characters, and for problems that it can learn."""
        values = super().defaults(page) | (EASY if page.model.is_embedded else {})
        is_short = self.prompt == "short" or (self.prompt is None and page.model.is_embedded)
        return values | {"prompt": "short" if is_short else "long", **({"max_tokens": None} if is_short else {})}


@dataclass(frozen=True, kw_only=True)
class Countdown(Drawn):
    """Problems without end.

    Example: Countdown(draw=Draw(least=2, most=2, max_number=9), prompt="short").problem(0).reference == ("9*8",)
    """

    Options = CountdownOptions

    draw: Draw = field(default_factory=Draw)
    prompt: str = "long"
    form: Form = FORMS["xml"]
    shots: tuple[Shot, ...] = ()
    task_seed: int = 0

    @classmethod
    def from_options(cls, options: CountdownOptions) -> Self:
        least, most = options.span
        find("generators", options.countdown_generator)  # or say now that there is none
        draw = Draw(
            generator=options.countdown_generator, least=least, most=most, min_number=options.min_number,
            max_number=options.max_number, max_target=options.max_target, operators=options.operators,
        )  # fmt: skip
        return cls(
            draw=draw,
            prompt=options.prompt or "long",
            form=form_named(options.system_prompt),
            shots=first(SHOTS, options.num_shots),
            task_seed=options.task_seed,
        )

    @property
    def name(self) -> str:
        return "countdown"

    @property
    def reply_limit(self) -> int:
        """A bracket pair around all but the last number, the numbers, and an operator between each two."""
        if self.prompt == "long":
            return 0  # the references tell
        return self.draw.most * (len(str(self.draw.max_number)) + 3)

    def made(self, split: str, index: int) -> Problem:
        return self._problem(self._drawn(split, index))

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        said = replies[0] if self.prompt == "short" else self.form.read(replies[0])
        found = equation(said) if said is not None else None
        is_right = (
            found is not None
            and found.value == problem.facts["target"]
            and sorted(found.numbers) == sorted(problem.facts["numbers"])  # type: ignore[call-overload]
        )
        text = None if said is None else "".join(said.split()) or None  # 7 + 9 and 7+9 are one answer
        return Grade(hits=(is_right,), well_formed=found is not None, text=text, form=form_of(replies[0]))

    def _drawn(self, split: str, index: int) -> Reached:
        for trial in range(MOST_DRAWS):
            found = self.draw.drawn(Random(seed_for(self.task_seed, self.name, split, index, trial)))
            if split_of(found.numbers, found.target) == split:
                return found
        raise ConfigError(
            f"of {MOST_DRAWS} problems of countdown_generator={self.draw.generator} none is on the side {split!r}: a "
            f"tenth of all different ones is held out, so it has to draw more. The last was {found.way} = "
            f"{found.target}."
        )

    def _problem(self, found: Reached) -> Problem:
        return Problem(
            key=f"countdown-{'-'.join(map(str, found.numbers))}-{found.target}",
            messages=self._messages(found),
            reference=(self._reply(found),),
            facts={"numbers": list(given(found)), "target": found.target},
        )

    def _messages(self, found: Reached) -> tuple[Message, ...]:
        if self.prompt == "short":
            return (Message("user", f"{' '.join(map(str, given(found)))} make {found.target}?"),)
        shots = tuple((asked(one.question, target_of(one)), self._written(one)) for one in self.shots)
        return conversation(self.form, shots, asked(listed(given(found)), found.target))

    def _reply(self, found: Reached) -> str:
        if self.prompt == "short":
            return str(found.way).replace(" ", "")
        return self._written(Shot("", "\n".join(found.way.steps), str(found.way)))

    def _written(self, shot: Shot) -> str:
        return shot.gold if self.form.name == "none" else self.form.written(shot.solution, shot.gold)


def given(found: Reached) -> tuple[int, ...]:
    """In an order that does not give the way away."""
    numbers = sorted(found.numbers)
    Random(seed_for("countdown", "given", found.target, *numbers)).shuffle(numbers)
    return tuple(numbers)


def asked(numbers: str, target: int) -> str:
    return (
        f"Use each of the numbers {numbers} exactly once, with + - * / and brackets, to make {target}. "
        "Answer with the expression alone, without an equals sign."
    )


def listed(numbers: Sequence[int]) -> str:
    """7, 9 and 2."""
    *others, last = map(str, numbers)
    return f"{', '.join(others)} and {last}"


def target_of(shot: Shot) -> int:
    found = equation(shot.gold)
    assert found is not None
    return int(found.value)


def split_of(numbers: Sequence[int], target: int) -> str:
    """The side a problem is on; the same numbers in another order are the same problem."""
    return "held out" if uniform_for("countdown", "split", target, *sorted(numbers)) < HELD_OUT else "train"
