"""Two questions about digits, with as many problems as anybody can read.

    sum_digits      What is the total digit sum of [123, 45, 67]?      1+2+3 + 4+5 + 6+7 = 28
    reverse_digits  What is 1234500 reversed?                          0054321, so 54321

The long prompt asks for steps and shows one worked example, made by the same function as the reference replies; the
short one is a few characters, for models that were never taught to follow a prompt. A reply is read by the chain of
`text.reading.extract`, as far as it goes: one that was cut may have answered already. What is right pays, with the tag
or without, as the study's text has it; its code pays in training only for a right answer behind the tag.

Problem i of a split is drawn from (task_seed, split, i), again and again until it belongs there. Where a problem
belongs is a hash of its numbers alone, so no problem is ever on both sides, whatever the seeds.
"""

from __future__ import annotations

from abc import abstractmethod
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

HELD_OUT = 0.1  # the share of all problems that is never trained on
ROOM = 256  # characters: a model need not be as brief as the reference
Numbers = tuple[int, ...]

STEPS = "End with one line of its own: [ANSWER] <number>"


# What the study's code says beyond its options: AdamW as torch has it, a mean that moves once a batch.
STUDY: Values = {
    "temperature": 0.7, "eval_temperature": 0.0, "max_tokens": 256, "ema_start": 0.5, "ema_update": "batch",
    "beta2": 0.999, "weight_decay": 0.01,
}  # fmt: skip
TUNED = Tuning(values={"learning_rate": 1e-4})
TUNED_STUDY = Tuning(values={"learning_rate": 5e-5})  # a tenth of it, 5e-6, for a real model


@dataclass(frozen=True, kw_only=True)
class DigitsOptions(TaskSection):
    """Questions about the digits of numbers, with problems that are never trained on."""

    kind: str = option("sum_digits", "the task", registry="tasks")
    prompt: Literal["long", "short"] | None = option(
        None, "the prompt's form: long with an example, or short; none: by the model"
    )
    task_seed: int = option(
        0, "the seed that draws the problems, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )

    @property
    def default_channel(self) -> str:
        return "plus_minus"

    @property
    def enough_accuracy(self) -> float:
        return 0.05  # sums of many digits in one breath are beyond the embedded models: the form, and near the mean

    @property
    def is_asked_by_generators(self) -> bool:
        return True

    def defaults(self, page: Page) -> Values:
        """The study's own commands; a real model takes all that the study's code takes, an embedded one our tuning."""
        values: Values = {"algorithm": "reinforce_ema", "group_size": 1, "n_batches": 20, "prompt": "long"}
        if page.model.is_embedded:
            return values | {"prompt": "short", **FROM_NOTHING}
        return values | study_values(page, self.prompt == "short")

    def tuning(self, page: Page) -> Tuning:
        """Whatever is paid: problems never come again, so nothing could be replayed."""
        return TUNED if page.model.is_embedded else TUNED_STUDY


@dataclass(frozen=True, kw_only=True)
class ReverseDigitsOptions(DigitsOptions):
    """The same options."""

    kind: str = option("reverse_digits", "the task", registry="tasks")

    @property
    def enough_accuracy(self) -> float:
        return 0.35  # there is something to reinforce, and most is still to be learned


def study_values(page: Page, is_short: bool) -> Values:
    """As far as they fit what the page says: no greedy reply where several are wanted, no 256 tokens for a few."""
    values = dict(STUDY)
    if page.run.eval_replies > 1:
        del values["eval_temperature"]
    if is_short:
        del values["max_tokens"]
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits(Drawn):
    """What both tasks share; each says how numbers are drawn, asked for and worked out.

    Example: ReverseDigits(prompt="short").problem(0).reference == ("[ANSWER] 9563216",)
    """

    Options = DigitsOptions

    prompt: str = "long"
    task_seed: int = 0

    @classmethod
    def from_options(cls, options: DigitsOptions) -> Self:
        return cls(prompt=options.prompt or "long", task_seed=options.task_seed)

    @property
    @abstractmethod
    def name(self) -> str: ...
    @abstractmethod
    def draw(self, random: Random) -> Numbers: ...
    @abstractmethod
    def right(self, numbers: Numbers) -> int: ...
    @abstractmethod
    def question(self, numbers: Numbers) -> str: ...
    @abstractmethod
    def system(self) -> str: ...
    @abstractmethod
    def steps(self, numbers: Numbers) -> str:
        """The way to the answer, a line for each step."""

    # --- a task

    @property
    def reply_limit(self) -> int:
        return ROOM if self.prompt == "long" else len("[ANSWER] 9999999")

    def made(self, split: str, index: int) -> Problem:
        return self._problem(self._drawn(split, index))

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        answer = extract_answer(replies[0])
        hit = answer.number == problem.facts["answer"]
        return Grade(hits=(hit,), well_formed=answer.has_tag, answer=answer.number)

    def _drawn(self, split: str, index: int) -> Numbers:
        draws = (self.draw(Random(seed_for(self.task_seed, self.name, split, index, trial))) for trial in count())
        return next(numbers for numbers in draws if split_of(numbers) == split)

    def _problem(self, numbers: Numbers) -> Problem:
        answer = self.right(numbers)
        messages = [Message("user", self.question(numbers))]
        if self.prompt == "long":
            messages = [Message("system", self.system()), *messages]
        return Problem(
            key=f"{self.name}-{'-'.join(map(str, numbers))}",
            messages=tuple(messages),
            reference=(self.reply(numbers),),
            facts={"answer": answer},
        )

    def reply(self, numbers: Numbers) -> str:
        """The reference: with its steps where the prompt asks for them."""
        tagged = f"[ANSWER] {self.right(numbers)}"
        return f"{self.steps(numbers)}\n{tagged}" if self.prompt == "long" else tagged


@dataclass(frozen=True, slots=True, kw_only=True)
class SumDigits(Digits):
    """Two to four integers from 10 to 999."""

    @property
    def name(self) -> str:
        return "sum_digits"

    def draw(self, random: Random) -> Numbers:
        return tuple(random.randint(10, 999) for _ in range(random.randint(2, 4)))

    def right(self, numbers: Numbers) -> int:
        return sum(map(digit_sum, numbers))

    def question(self, numbers: Numbers) -> str:
        if self.prompt == "short":
            return f"{' '.join(map(str, numbers))} digit sum?"
        return f"What is the total digit sum of {list(numbers)}?"

    def system(self) -> str:
        example = (304, 1208)  # 1208 is in no problem
        return (
            "You add up digits, step by step. Take one number a line and add its digits, then add the sums. "
            f"{STEPS}\n\nExample: {self.question(example)}\n{self.reply(example)}"
        )

    def steps(self, numbers: Numbers) -> str:
        lines = [f"{number}: {' + '.join(str(number))} = {digit_sum(number)}" for number in numbers]
        return "\n".join([*lines, f"{' + '.join(str(digit_sum(one)) for one in numbers)} = {self.right(numbers)}"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseDigits(Digits):
    """One integer from 100000 to 9999999; trailing zeros become leading ones and are dropped."""

    Options = ReverseDigitsOptions

    @property
    def name(self) -> str:
        return "reverse_digits"

    def draw(self, random: Random) -> Numbers:
        return (random.randint(100_000, 9_999_999),)

    def right(self, numbers: Numbers) -> int:
        return int(str(numbers[0])[::-1])

    def question(self, numbers: Numbers) -> str:
        return f"{numbers[0]} reversed?" if self.prompt == "short" else f"What is {numbers[0]} reversed?"

    def system(self) -> str:
        example = (73520,)  # shorter than any problem
        return (
            "You reverse numbers, step by step. Write down the digits, then the same from the last to the first; zeros "
            f"that come to the front are dropped. {STEPS}\n\nExample: {self.question(example)}\n{self.reply(example)}"
        )

    def steps(self, numbers: Numbers) -> str:
        digits = str(numbers[0])
        return (
            f"Digits: {', '.join(digits)}\nFrom the last to the first: {', '.join(digits[::-1])}\n"
            f"Without zeros in front: {self.right(numbers)}"
        )


def digit_sum(number: int) -> int:
    return sum(map(int, str(number)))


def split_of(numbers: Numbers) -> str:
    """The side a problem is on; the same numbers in another order are the same problem here."""
    return "held out" if uniform_for("digits", "split", *sorted(numbers)) < HELD_OUT else "train"
