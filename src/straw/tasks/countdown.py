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

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol, Self

from straw.seeds import seed_for, uniform_for
from straw.tasks.asking import FORMS, Form, conversation, form_named
from straw.tasks.countdown_numbers import Draw, Reached
from straw.tasks.equation import equation
from straw.tasks.one_reply import Drawn
from straw.tasks.shots import Shot, first
from straw.text.answer_tags import form_of
from straw.types import End, Grade, Message, Problem

HELD_OUT = 0.1  # the share of all problems that is never trained on
SHOTS = (
    Shot("8, 3 and 5", "8 - 5 = 3\n3 * 3 = 9", "(8 - 5) * 3"),
    Shot("6, 4, 10 and 2", "6 * 4 = 24\n10 / 2 = 5\n24 - 5 = 19", "6 * 4 - 10 / 2"),
    Shot("20, 7 and 3", "7 - 3 = 4\n20 / 4 = 5", "20 / (7 - 3)"),
    Shot("9, 1, 12 and 5", "9 + 1 = 10\n12 * 5 = 60\n60 / 10 = 6", "12 * 5 / (9 + 1)"),
)


class CountdownOptions(Protocol):
    """What a page says about countdown."""

    @property
    def prompt(self) -> str | None: ...
    @property
    def system_prompt(self) -> str: ...
    @property
    def num_shots(self) -> int: ...
    @property
    def task_seed(self) -> int: ...
    @property
    def countdown_generator(self) -> str: ...
    @property
    def span(self) -> tuple[int, int]: ...
    @property
    def min_number(self) -> int: ...
    @property
    def max_number(self) -> int: ...
    @property
    def max_target(self) -> int: ...
    @property
    def operators(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Countdown(Drawn):
    """Problems without end.

    Example: Countdown(draw=Draw(least=2, most=2, max_number=9), prompt="short").problem(0).reference == ("9*8",)
    """

    draw: Draw = field(default_factory=Draw)
    prompt: str = "long"
    form: Form = FORMS["xml"]
    shots: tuple[Shot, ...] = ()
    task_seed: int = 0

    @classmethod
    def from_options(cls, options: CountdownOptions) -> Self:
        least, most = options.span
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
        seeds = (seed_for(self.task_seed, self.name, split, index, attempt) for attempt in count())
        draws = (self.draw.drawn(Random(seed)) for seed in seeds)
        return next(found for found in draws if split_of(found.numbers, found.target) == split)

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
