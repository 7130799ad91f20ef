"""An installed environment of verifiers (v1), as a task: verifiers:NAME.

    straw worlds add verifiers ./my_environment        once: a virtual environment of its own
    straw train verifiers:my-environment model=smollm2

Its taskset has the problems, its program says what is asked next, and its reward functions pay, all in a process of its
own. One task in ten is held out. The rows of `path` are not for it: its data lie in its package.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

from straw.errors import ConfigError, StrawError
from straw.tasks.environments.rows import Rows
from straw.tasks.environments.world import WorldTask, limits_in
from straw.tasks.verifiers.episode import VerifiersEpisode
from straw.tasks.verifiers.options import VerifiersOptions
from straw.tasks.verifiers.process import Worker, WorkerGone
from straw.tasks.word_problems.tasks import shuffled
from straw.text.tools.forms import Schema
from straw.types import Message, Problem

EVERY = 10  # the last of so many tasks is held out
PLACE = "verifiers_task"


@dataclass(frozen=True, kw_only=True)
class Verifiers(WorldTask):
    """A task whose other side is a program of verifiers."""

    Options = VerifiersOptions

    worker: Worker = field(compare=False, repr=False)
    seed: int = 0
    most: int | None = None
    solved_at: float | None = None
    tools: dict[str, tuple[Schema, ...]] = field(default_factory=dict, compare=False, repr=False)
    numbers: Any = field(default_factory=count, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: VerifiersOptions) -> Verifiers:
        if options.path is not None or options.eval_path is not None:
            raise ConfigError("an environment of verifiers has its own data: leave path and eval_path out")
        name = options.kind.partition(":")[2]
        if name in ("", "NAME"):
            raise ConfigError("verifiers:NAME names an installed environment: straw worlds add verifiers NAME")
        limits = limits_in(options)
        return cls(
            name=name, worker=Worker(name, read_args(options.taskset), limits.turns), rows=Rows(), limits=limits,
            tool_form=options.tool_form, seed=options.task_seed or 0, most=options.num_problems,
            solved_at=options.solved_at,
        )  # fmt: skip

    @property
    def pays(self) -> bool:
        return True

    @property
    def knows_success(self) -> bool:
        return self.solved_at is not None

    # --- problems

    @cached_property
    def count(self) -> int | None:
        """Of all tasks; the process is begun for it."""
        try:
            found = self.worker.count
        except WorkerGone as gone:
            raise StrawError(str(gone)) from None
        if found == 0:
            raise ConfigError(f"{self.name} has no task: see its taskset's options")
        return found

    @property
    def num_problems(self) -> int | None:
        if self.count is None:
            return self.most
        trained = self.count - self.count // EVERY
        return trained if self.most is None else min(trained, self.most)

    @property
    def num_held_out(self) -> int | None:
        return None if self.count is None else self.count // EVERY or self.count

    def problem(self, index: int) -> Problem:
        """Those that are not held out, in an order of the seed."""
        if (size := self.num_problems) is not None:
            turn, place = divmod(index, size)
            index = shuffled(self.seed, turn, size)[place]
        return self.at(index + index // (EVERY - 1))

    def held_out(self, index: int) -> Problem:
        """Where there are fewer than ten, all of them."""
        if self.count is not None and self.count < EVERY:
            return self.at(index % self.count)
        return self.at(index * EVERY + EVERY - 1)

    def at(self, place: int) -> Problem:
        try:
            prompt = self.worker.prompt(place)
        except WorkerGone as gone:
            raise StrawError(str(gone)) from None
        messages = tuple(Message(one["role"], one["content"]) for one in prompt)
        return Problem(
            key=f"{self.name}-{place}", messages=messages, reference=("",), columns={PLACE: place}, is_conversation=True
        )

    # --- a world

    def schemas(self, problem: Problem) -> Sequence[Schema]:
        """As its first request named them; before, those of any other task."""
        return self.tools.get(problem.key) or next(iter(self.tools.values()), ())

    def episode(self, problem: Problem, seed: int) -> VerifiersEpisode:
        def learn(tools: tuple[Schema, ...]) -> None:
            self.tools[problem.key] = tools

        return VerifiersEpisode(
            name=self.name, id=str(next(self.numbers)), worker=self.worker, index=int(str(problem.columns[PLACE])),
            limits=self.limits, solved_at=self.solved_at, learn_tools=learn,
        )  # fmt: skip

    def close(self) -> None:
        self.worker.close()

    def give_back(self, problem: Problem, episode: VerifiersEpisode) -> None:
        """Nothing is left to: its program is over."""


def read_args(words: Sequence[str]) -> dict[str, Any]:
    """num_tasks=10, task.tools.x=true: values as JSON where they are, else as texts."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ConfigError(f"options of a taskset are name=value; got {word!r}. Write taskset=num_tasks=10")
        *above, last = name.split(".")
        place = found
        for one in above:
            place = place.setdefault(one, {})
            if not isinstance(place, dict):
                raise ConfigError(f"taskset={word} stands below {one}={place!r:.40}, which has nothing below it")
        place[last] = parsed(value)
    return found


def parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # a text then, however deep its brackets are
        return value
