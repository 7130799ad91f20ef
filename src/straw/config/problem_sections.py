"""The options of tasks in words and numbers: gsm8k, math, mmlu, countdown and the generators of reasoning-gym."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from straw.config.option import MOST_SEED, MOST_STEPS, option
from straw.config.sections import TaskSection
from straw.errors import ConfigError

SPAN = re.compile(r"([0-9]{1,2})(?:\.\.([0-9]{1,2}))?")


@dataclass(frozen=True, kw_only=True)
class ProblemTask(TaskSection):
    """How a problem is asked and its answer compared."""

    system_prompt: Literal["xml", "boxed", "none"] = option(
        "xml", "the form of a reply that the model is told: tags, a box, or nothing"
    )
    num_shots: int = option(
        0, "the number of worked examples that are shown before a problem", at_least=0, at_most=1_000
    )
    grader: str | None = option(
        None, "how an answer is compared with the gold one; none: as the form asks", example="exact",
        catalogue="graders",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DataTask(ProblemTask):
    """Problems that stand in files or on the hub."""

    path: str | None = option(
        None, "the problems: a .jsonl, .json or .parquet, or a folder with one a split",
        example="data/gsm8k",
    )  # fmt: skip
    eval_path: str | None = option(
        None, "the file or folder of the held-out problems; none: path", example="data/math500/test.jsonl"
    )
    hub: str | None = option(None, "the data set of the hub, where no path is named", example="openai/gsm8k")
    hub_config: str | None = option(None, "which configuration of it", example="main")
    question_field: tuple[str, ...] = option((), "the fields with the question; none: as known", example=("question",))
    answer_field: str = option("", "the field with the answer; none: as known", example="answer")
    solution_field: str = option("", "the field with a worked solution; none: as known", example="solution")
    train_split: str | None = option("train", "the split that is trained on; none: nothing, all is held out")
    eval_split: str = option("test", "the split that is held out; the same as train_split: a share of it")
    eval_share: float = option(
        0.1, "the share that is held out of a file without splits", above=0, below=1, example=0.1
    )
    num_problems: int | None = option(
        None, "how many of the first problems are trained on; none: all", example=1000, at_least=1, at_most=MOST_STEPS
    )
    bad_rows: Literal["refuse", "skip"] = option("refuse", "what is done with a row that cannot be asked or graded")
    max_prompt_tokens: int | None = option(
        None, "the most tokens of a prompt that is trained on; none: what the model can read",
        example=256, at_least=1, at_most=262_144,
    )  # fmt: skip
    long_prompts: Literal["refuse", "skip"] = option("refuse", "what is done with a problem whose prompt is longer")
    task_seed: int | None = option(
        None, "the seed of the problems' order; none: the run's own seed", example=0, at_least=0, at_most=MOST_SEED
    )


@dataclass(frozen=True, kw_only=True)
class Gsm8kTask(DataTask):
    """Grade-school word problems."""

    kind: str = option("gsm8k", "the task", catalogue="tasks")
    hub: str | None = option("openai/gsm8k", "the data set of the hub, where no path is named", example="openai/gsm8k")
    hub_config: str | None = option("main", "which configuration of it", example="main")


@dataclass(frozen=True, kw_only=True)
class MathTask(DataTask):
    """Any questions with answers, or with solutions that have the answer in a box."""

    kind: str = option("math", "the task", catalogue="tasks")


@dataclass(frozen=True, kw_only=True)
class MmluTask(DataTask):
    """Questions with choices."""

    kind: str = option("mmlu", "the task", catalogue="tasks")
    system_prompt: Literal["xml", "boxed", "none"] = option(
        "none", "the form of a reply that the model is told: tags, a box, or nothing"
    )
    hub: str | None = option("cais/mmlu", "the data set of the hub, where no path is named", example="cais/mmlu")
    hub_config: str | None = option("all", "which configuration of it", example="all")
    train_split: str | None = option("auxiliary_train", "the split that is trained on; none: nothing, all is held out")
    choices_field: str = option("choices", "the field with the choices")


@dataclass(frozen=True, kw_only=True)
class MadeTask(ProblemTask):
    """Problems that are made as they are needed, and never repeat by plan."""

    task_seed: int = option(
        0, "the seed that draws the problems, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )


@dataclass(frozen=True, kw_only=True)
class CountdownTask(MadeTask):
    """Reach a target with given numbers, each used once."""

    kind: str = option("countdown", "the task", catalogue="tasks")
    prompt: Literal["long", "short"] | None = option(
        None, "how it is asked: in words, or in a few characters; none: by the model"
    )
    countdown_generator: Literal["expression", "random"] = option(
        "expression", "where targets come from: random expressions, or all that can be reached"
    )
    numbers: str = option("3..4", "how many numbers a problem has, from..to")
    min_number: int = option(1, "the smallest number that is given", at_least=0, at_most=999_999)
    max_number: int = option(99, "the largest number that is given", at_least=1, at_most=999_999)
    max_target: int = option(100, "the largest target; the smallest is 1", at_least=1, at_most=999_999)
    operators: str = option("+-*/", "the operators that targets are made with; a reply may use all four")
    grader: str | None = option(
        None, "left open: a reply is right when its value is", example="none", catalogue="graders"
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


@dataclass(frozen=True, kw_only=True)
class GymTask(MadeTask):
    """A generator of reasoning-gym, by its name: kind = "gym:chain_sum"."""

    kind: str = option("gym:chain_sum", "the task", catalogue="tasks")
    gym_options: tuple[str, ...] = option((), "the generator's own options", example=("min_terms=2", "max_terms=3"))
