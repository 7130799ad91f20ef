"""What every task says to the rest of the page, and which of its problems are asked when.

A task's own options are a subclass of TaskSection, in the task's own file.

    @dataclass(frozen=True, kw_only=True)
    class LettersOptions(TaskSection):
        size: int = option(3, "the number of letters", at_least=1)

What is not said here a task leaves to the page's own defaults: no task inherits those of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from straw.config.option import Section, option
from straw.config.tuning import Tuning, Values
from straw.errors import ConfigError

if TYPE_CHECKING:
    from straw.config.page import Page


@dataclass(frozen=True, kw_only=True)
class TaskSection(Section):
    """The options of a task; `kind` is its name.

    >>> import dataclasses
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Letters(straw.TaskSection):
    ...     size: int = straw.option(3, "the number of letters", at_least=1)
    >>> Letters(size=5).size
    5
    """

    kind: str = option("secret", "the task", registry="tasks")

    # --- what it is

    @property
    def has_turns(self) -> bool:
        """Whether a rollout has several turns that can be paid one by one."""
        return False

    @property
    def has_parts(self) -> bool:
        """Whether a rollout is right or wrong in several places: its turns, or items of a sequence."""
        return self.has_turns

    @property
    def num_guesses(self) -> int | None:
        """N, where an answer is a guess in [0, N) that may be near or far; None where answers have no distance."""
        return None

    @property
    def num_items(self) -> int:
        """How many such guesses stand in one reply."""
        return 1

    @property
    def space(self) -> int | None:
        """How many answers there are, where they can be listed."""
        return None

    @property
    def references_explain(self) -> bool:
        """Whether a reference reply says more than an answer has to, so that a shorter one may do."""
        return False

    @property
    def prompt_limit(self) -> int | None:
        """The most tokens of a prompt, where the page says."""
        return None

    @property
    def skips_long_prompts(self) -> bool:
        """Whether a longer prompt is left out; else it is refused."""
        return False

    @property
    def skips_bad_rows(self) -> bool:
        """Whether a row that cannot be asked or graded is left out; else it is refused."""
        return False

    @property
    def reply_form(self) -> str | None:
        """The form that replies are asked for, where a prompt asks for one."""
        return None

    @property
    def label(self) -> str:
        """What stands behind its name in the name of a run: -N64."""
        return ""

    # --- what it leaves to whom, where nobody chose

    @property
    def default_channel(self) -> str:
        """What is paid."""
        return "dense" if self.has_turns else "binary"

    @property
    def enough_accuracy(self) -> float | None:
        """The accuracy at which a warm-up of an embedded model has done enough; None: it needs none."""
        return None

    @property
    def is_asked_by_generators(self) -> bool:
        """Whether a batch has as many rollouts as there are generators."""
        return False

    def defaults(self, page: Page) -> Values:
        """Options of the page, by name, that are better otherwise for this task."""
        return {}

    def tuning(self, page: Page) -> Tuning | None:
        """What was tuned for this task, whatever is paid; None: the reward's own."""
        return None


@dataclass(frozen=True, kw_only=True)
class Problems(Section):
    """Which problem comes next, whatever the task: functions of the seed, the step, and what a checkpoint keeps."""

    problem_order: Literal["in_turn", "shuffled"] = option(
        "in_turn", "the order of the problems; shuffled: anew in each pass, by seed"
    )
    only_first: int | None = option(
        None, "the number of first problems that are asked, again and again; none: all",
        example=64, at_least=1, at_most=1_000_000,
    )  # fmt: skip
    curriculum: Literal["none", "pass_rate"] = option(
        "none", "pass_rate: problems are preferred that are right about half of the time"
    )
    pass_rate_decay: float = option(
        0.7, "the decay of the running pass rate of each problem, group by group", at_least=0, below=1
    )
    redraws: int = option(
        0, "the most times a step that groups of equal rewards are drawn again; 0: never",
        at_least=0, at_most=1_000,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.curriculum != "none" and self.problem_order != "in_turn":
            raise ConfigError(
                f"a curriculum chooses problems by itself; got problem_order={self.problem_order} with curriculum="
                f"{self.curriculum}. Leave one of them out."
            )
