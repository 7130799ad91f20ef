"""Any generator of reasoning-gym as a task: gym:chain_sum, gym:leg_counting, gym:gsm_symbolic, ...

    straw train gym:chain_sum gym_options=min_terms=2,max_terms=3

There, item i of seed s is item i - 1 of seed s + 1, so train and test of neighbouring seeds are nearly the same. Here
each problem has a generator of its own, seeded by a hash of task_seed, name, split, index and try. A question belongs
to one split by a hash of its text, so nothing that is asked is trained on.

Answers are compared by our graders. grader=own asks the generator's scorer instead, where several answers are right;
one that would evaluate what the model wrote is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from straw.config.option import option
from straw.errors import ConfigError
from straw.seeds import seed_for, uniform_for
from straw.tasks.prompting.prompt_formats import FORMS, Form, conversation, form_named
from straw.tasks.reasoning_gym.library import check_scorer, dataset, read_settings
from straw.tasks.single_turn import Drawn
from straw.tasks.word_problems.options import MadeOptions
from straw.text.graders import grader_named
from straw.text.reading.answer_tags import form_of
from straw.types import End, Grade, Problem

HELD_OUT, MOST_TRIES = 0.2, 1000
MOST_READ = 10_000  # characters of an answer that a scorer of theirs is shown
SEEDS = 2**31  # some generators hand their seed to numpy


@dataclass(frozen=True, kw_only=True)
class GymOptions(MadeOptions):
    """A generator of reasoning-gym, by its name: kind = "gym:chain_sum"."""

    kind: str = option("gym:chain_sum", "the task", registry="tasks")
    gym_options: tuple[str, ...] = option((), "the generator's own options", example=("min_terms=2", "max_terms=3"))


@dataclass(frozen=True, kw_only=True)
class Gym(Drawn):
    """One generator with its options; `settings` are pairs of a name and a value."""

    Options = GymOptions

    generator: str
    settings: tuple[tuple[str, Any], ...] = ()
    form: Form = FORMS["xml"]
    grader_name: str = "exact"
    num_shots: int = 0
    task_seed: int = 0

    @classmethod
    def from_options(cls, options: GymOptions) -> Gym:
        generator = options.kind.partition(":")[2]
        form = form_named(options.system_prompt)
        grader = options.grader or ("exact" if form.name == "none" else form.grader)
        if grader == "own":
            check_scorer(generator)
        else:
            grader_named(grader)
        task = cls(
            generator=generator, settings=read_settings(generator, options.gym_options), form=form, grader_name=grader,
            num_shots=options.num_shots, task_seed=options.task_seed,
        )  # fmt: skip
        task.problem(0)  # what the generator refuses is refused now
        return task

    @property
    def name(self) -> str:
        return f"gym-{self.generator}"

    @property
    def reply_limit(self) -> int:
        return 0  # the references tell

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        said = self.form.read(replies[0])
        return Grade(
            hits=(self._is_right(problem, replies[0], said),),
            well_formed=said is not None,
            text=said.strip() or None if said is not None else None,
            form=form_of(replies[0]),
        )

    def _is_right(self, problem: Problem, reply: str, said: str | None) -> bool:
        if self.grader_name != "own":
            return grader_named(self.grader_name).judge(reply, str(problem.facts["answer"]))
        if not said or len(said) > MOST_READ:
            return False
        seed = problem.facts["generator_seed"]
        made = dataset(self.generator, self.settings, int(str(seed)))
        return bool(made.score_answer(said.strip(), made[0]) >= 1)

    def made(self, split: str, index: int) -> Problem:
        seed, entry = drawn(self, split, index)
        question, answer = str(entry["question"]), str(entry["answer"]).strip()
        shots = tuple(self._shot(place) for place in range(self.num_shots))
        return Problem(
            key=f"{self.name}-{seed}",
            messages=conversation(self.form, shots, question),
            reference=(self.form.written("", answer),),
            facts={"answer": answer, "generator_seed": seed},
        )

    def _shot(self, place: int) -> tuple[str, str]:
        """Worked examples are made too: training problems far behind those that are trained on."""
        _, entry = drawn(self, "train", -1 - place)
        return str(entry["question"]), self.form.written("", str(entry["answer"]).strip())


@lru_cache(maxsize=4096)
def drawn(task: Gym, split: str, index: int) -> tuple[int, Mapping[str, Any]]:
    """The first that belongs to the split, of those that the index leads to."""
    for trial in range(MOST_TRIES):
        seed = seed_for(task.task_seed, task.generator, split, index, trial) % SEEDS
        entry = entry_of(task, seed)
        if split_of(task.generator, str(entry["question"])) == split:
            return seed, entry
    raise ConfigError(
        f"gym:{task.generator} has too few different questions to hold some out: {MOST_TRIES} draws gave none that is "
        f"{split}. Write gym_options that allow more."
    )


def split_of(generator: str, question: str) -> str:
    return "held out" if uniform_for("gym", generator, question) < HELD_OUT else "train"


def entry_of(task: Gym, seed: int) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = dataset(task.generator, task.settings, seed)[0]
    if entry["answer"] is None or not str(entry["answer"]).strip():
        raise ConfigError(
            f"gym:{task.generator} tells no answer that could be compared or imitated, so no run can begin with it. "
            "Choose another generator."
        )
    return entry
