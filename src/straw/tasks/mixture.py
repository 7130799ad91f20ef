"""A mixture of tasks, each asked as often as its weight says.

    straw train mixture mix=sum_digits=2,largest=1 mix_options=largest.numbers=2

Problem i belongs to a task by a hash of (task_seed, i), and is that task's own problem i: a function of the options and
the index, as everywhere, so a run that goes on sees the same. A problem's key begins with its task's name, by which it
is graded. A task has one turn and problems without end or in files, of which some are held out; whatever its own
options leave open is filled in as if it stood alone (`mix_filled`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from straw.config import Page, TaskSection, Values, plain
from straw.config.option import MOST_SEED, option, options_of
from straw.config.values import read_value
from straw.errors import ConfigError, did_you_mean
from straw.registry import find
from straw.seeds import uniform_for
from straw.tasks.base import HeldOut, World
from straw.tasks.single_turn import FROM_NOTHING, OneReply
from straw.types import End, Grade, Problem

EXAMPLE = "mix=sum_digits=2,largest=1"


@dataclass(frozen=True, kw_only=True)
class MixtureOptions(TaskSection):
    """Which tasks, how often, and with which options of theirs."""

    kind: str = option("mixture", "the task", registry="tasks")
    mix: tuple[str, ...] = option(
        ("sum_digits=1", "largest=1"), "the tasks of a mixture, NAME=weight", example=("sum_digits=2", "largest=1")
    )
    mix_options: tuple[str, ...] = option(
        (), "options of these tasks, NAME.option=value", example=("largest.numbers=2",)
    )
    mix_filled: tuple[str, ...] = option((), "what these tasks leave open, as straw filled it in; not to be written")
    task_seed: int = option(
        0, "the seed that draws the problems, apart from the run's own seed", at_least=0, at_most=MOST_SEED
    )

    @property
    def weights(self) -> dict[str, float]:
        found = dict(map(read_weight, self.mix))
        if len(found) < len(self.mix) or not found:
            raise ConfigError(f"a mixture names each of its tasks once; got mix={plain(self.mix)}. Write {EXAMPLE}.")
        return found

    @property
    def enough_accuracy(self) -> float | None:
        """The mean of what its tasks find enough."""
        known = [(weight, self.section(name).enough_accuracy) for name, weight in self.weights.items()]
        if any(enough is None for _, enough in known):
            return None
        return sum(weight * float(enough or 0) for weight, enough in known) / sum(weight for weight, _ in known)

    def defaults(self, page: Page) -> Values:
        return {"mix_filled": self.filled(page), "n_batches": 100, **(FROM_NOTHING if page.model.is_embedded else {})}

    def filled(self, page: Page) -> tuple[str, ...]:
        """What each task says of its own options for this page, where nobody did."""
        found = []
        for name in self.weights:
            kind, said = section_of(name), self.said(name)
            own = {one.name for one in options_of(kind)} - {"kind", *said}
            values = kind(kind=name, **said).defaults(page)
            found += [f"{name}.{key}={plain(value)}" for key, value in values.items() if key in own]
        return tuple(found)

    def said(self, name: str, *, filled: bool = False) -> dict[str, Any]:
        """Options of one of the tasks."""
        known = {one.name: one for one in options_of(section_of(name))}
        values = {}
        for text in (*(self.mix_filled if filled else ()), *self.mix_options):
            place, equals, value = text.partition("=")
            owner, _, key = place.rpartition(".")
            if owner not in self.weights or not equals:
                raise ConfigError(
                    f"an option of a mixture's task is NAME.option=value, of one that mix names; got {text}. Write for "
                    "example mix_options=largest.numbers=2."
                )
            if owner == name:
                if key not in known or key == "kind":
                    raise ConfigError(f"{name} has no option {key!r}; {did_you_mean(key, known)}")
                values[key] = read_value(known[key], value)
        return values

    def section(self, name: str) -> TaskSection:
        return section_of(name)(kind=name, **self.said(name, filled=True))


def section_of(name: str) -> type[TaskSection]:
    found: type[TaskSection] = getattr(find("tasks", name), "Options", TaskSection)
    return found


def read_weight(text: str) -> tuple[str, float]:
    name, _, weight = text.strip().rpartition("=") if "=" in text else (text.strip(), "", "1")
    try:
        found = float(weight)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ConfigError(f"a task of a mixture has a weight above 0; got {text}. Write {EXAMPLE}.")
    return name, found


@dataclass(frozen=True, kw_only=True)
class Mixture(OneReply):
    Options = MixtureOptions

    tasks: Mapping[str, HeldOut]
    weights: Mapping[str, float]
    task_seed: int = 0
    num_problems = None
    num_held_out = None
    name = "mixture"

    @classmethod
    def from_options(cls, options: MixtureOptions) -> Self:
        return cls(
            tasks={name: part_of(name, options.section(name)) for name in options.weights},
            weights=options.weights, task_seed=options.task_seed,
        )  # fmt: skip

    @property
    def reply_limit(self) -> int:
        return max(task.reply_limit for task in self.tasks.values())

    @property
    def has_golds(self) -> bool:
        return all(getattr(task, "has_golds", True) for task in self.tasks.values())

    def problem(self, index: int) -> Problem:
        name = self.drawn("train", index)
        return signed(name, self.tasks[name].problem(index))

    def held_out(self, index: int) -> Problem:
        name = self.drawn("held out", index)
        return signed(name, self.tasks[name].held_out(index))

    def drawn(self, split: str, index: int) -> str:
        """Which task a problem belongs to."""
        left = uniform_for("mixture", self.task_seed, split, index) * sum(self.weights.values())
        for name, weight in self.weights.items():
            left -= weight
            if left < 0:
                return name
        return name

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        """By the task that its key begins with: the name of one in a file may have slashes of its own."""
        name = max((name for name in self.tasks if problem.key.startswith(f"{name}/")), key=len)
        return self.tasks[name].grade(replace(problem, key=problem.key[len(name) + 1 :]), replies, end)


def part_of(name: str, section: TaskSection) -> HeldOut:
    made: Any = find("tasks", name).from_options(section)
    if made.max_turns > 1 or isinstance(made, World) or not hasattr(made, "held_out"):
        raise ConfigError(
            f"a task of a mixture has one reply, and problems that are held out; {name} has none such. Write {EXAMPLE}."
        )
    found: HeldOut = made
    return found


def signed(name: str, problem: Problem) -> Problem:
    return replace(problem, key=f"{name}/{problem.key}")
