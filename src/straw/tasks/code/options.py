"""The options of tasks that are solved by programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from straw.config import Page, Tuning, Values
from straw.config.option import option
from straw.errors import ConfigError
from straw.files import MIB
from straw.sandbox.limits import Limits
from straw.tasks.word_problems.options import DataOptions
from straw.tasks.word_problems.prompts import GRPO, TUNED

ALWAYS_S = 2.0  # a program may take so long beside its work
OWN = "own"  # who says what is right, in tables of graders
BUSY = 4  # a machine may be so many times slower than the work of a program


@dataclass(frozen=True, kw_only=True)
class CodeOptions(DataOptions):
    """Problems that are solved by programs, in a sandbox; without path those that come with straw."""

    kind: str = option("code", "the task", registry="tasks")
    system_prompt: str = option("none", "the system prompt: none, a text of your own or @FILE.txt")
    eval_share: float = option(
        0.25, "the share of a file without splits that is held out", above=0, below=1, example=0.1
    )
    prompt: Literal["long", "short"] = option(
        "long", "how it is asked: with public tests and a form, or in the problem's words alone"
    )
    test_seconds: int = option(3, "the seconds that a program may work for one test", at_least=1, at_most=600)
    all_tests_seconds: int = option(60, "the seconds for all tests of a program", at_least=1, at_most=3600)
    test_memory: int = option(512, "the MiB of memory that a program may take", at_least=64, at_most=65_536)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.grader not in (None, OWN):
            raise ConfigError(
                f"{self.kind} runs programs and compares by itself; got grader={self.grader}. Leave it out."
            )
        if self.num_shots:
            raise ConfigError(
                f"{self.kind} has no worked examples; got num_shots={self.num_shots}. Say it in system_prompt."
            )
        if self.system_prompt in ("xml", "boxed"):
            raise ConfigError(
                f"a program stands in a block of code; got system_prompt={self.system_prompt}. Write "
                "system_prompt=none, or a text of your own."
            )

    @property
    def default_channel(self) -> str:
        return "tests_passed"

    @property
    def reply_form(self) -> None:  # type: ignore[override]
        return None

    @property
    def limits(self) -> Limits:
        wall_s = self.test_seconds * BUSY + ALWAYS_S
        return Limits(cpu_s=self.test_seconds, wall_s=wall_s, memory=self.test_memory * MIB)

    def defaults(self, page: Page) -> Values:
        """GRPO for a hundred steps, or SFT on the data's own programs for one pass."""
        values: Values = {"max_tokens": 512, "task_seed": page.run.seed, "batch_size": 4}
        if page.algorithm.algorithm == "sft":
            return values | {"group_size": 1} | ({"num_epochs": 1} if page.run.n_batches is None else {})
        return values | GRPO | ({"n_batches": 100} if page.run.num_epochs is None else {})

    def tuning(self, page: Page) -> Tuning:
        return TUNED


@dataclass(frozen=True, kw_only=True)
class LiveCodeBenchOptions(CodeOptions):
    """LiveCodeBench, or data in its form; all of it is held out unless train_split is named."""

    kind: str = option("livecodebench", "the task", registry="tasks")
    hub: str | None = option(
        "lighteval/code_generation_lite", "the data set on the Hugging Face hub, where no path is named",
        example="lighteval/code_generation_lite",
    )  # fmt: skip
    hub_config: str | None = option("v6", "the hub data set's configuration", example="release_v6")
    train_split: str | None = option(None, "the training split; none: nothing, all is held out", example="train")
    test_seconds: int = option(6, "the seconds that a program may work for one test", at_least=1, at_most=600)
    test_memory: int = option(4096, "the MiB of memory that a program may take", at_least=64, at_most=65_536)
    from_date: str | None = option(
        None, "the first day of a contest that is asked; none: from the first there is", example="2024-08-01"
    )
    to_date: str | None = option(
        None, "the day before which a contest has to be; none: to the last there is", example="2025-02-01"
    )

    @property
    def window(self) -> tuple[date | None, date | None]:
        return day("from_date", self.from_date), day("to_date", self.to_date)

    def __post_init__(self) -> None:
        super().__post_init__()
        since, before = self.window
        if since and before and since >= before:
            raise ConfigError(
                f"from_date is before to_date, which is no part of it; got {self.from_date} and {self.to_date}. "
                "Write for example from_date=2024-08-01 to_date=2025-02-01."
            )


def day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{name} is a day, such as {name}=2024-08-01; got {name}={text}.") from None
