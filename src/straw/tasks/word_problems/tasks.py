r"""Problems in words with an answer that a grader can compare: gsm8k, math and mmlu, from files or from the hub.

    system      Respond in the following format: ...            system_prompt=xml, boxed or none
    user        a worked example of ours, num_shots times
    assistant   <reasoning>...</reasoning> <answer>...</answer>
    user        Natalia sold clips to 48 of her friends ...
    assistant   the reference: the worked solution of the data, written in the same form

Turn n of the data (problem i is in turn i // n) has an order of its own, a function of task_seed and the turn. The
questions that are asked keep one order for every seed, so that runs are measured with the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from random import Random
from typing import ClassVar, Self, TypeVar

from straw.config.option import option
from straw.errors import ConfigError, DataError
from straw.seeds import seed_for
from straw.tasks.prompting.few_shot import CHOICES, MATHEMATICS, WORD_PROBLEMS, Shot, first
from straw.tasks.prompting.prompt_formats import Form, conversation, form_named
from straw.tasks.single_turn import OneReply
from straw.tasks.word_problems.data_loading import Source
from straw.tasks.word_problems.fields import ONE_LETTER, Fields, choice_question, marked_question, worked_question
from straw.tasks.word_problems.options import DataOptions
from straw.tasks.word_problems.splits import Question, Questions, Read
from straw.text.graders import Grader, check_replies, grader_named
from straw.text.reading.answer_tags import form_of
from straw.types import End, Grade, Problem


@dataclass(frozen=True, kw_only=True)
class Gsm8kOptions(DataOptions):
    """Grade-school word problems."""

    kind: str = option("gsm8k", "the task", registry="tasks")
    hub: str | None = option(
        "openai/gsm8k", "the data set on the Hugging Face hub, where no path is named", example="openai/gsm8k"
    )
    hub_config: str | None = option("main", "the hub data set's configuration", example="main")


@dataclass(frozen=True, kw_only=True)
class MathOptions(DataOptions):
    """Any questions with answers, or with solutions that have the answer in a box."""

    kind: str = option("math", "the task", registry="tasks")


@dataclass(frozen=True, kw_only=True)
class MmluOptions(DataOptions):
    """Questions with choices."""

    kind: str = option("mmlu", "the task", registry="tasks")
    system_prompt: str = option("none", "the system prompt: xml, boxed, none, a text of your own or @FILE.txt")
    hub: str | None = option(
        "cais/mmlu", "the data set on the Hugging Face hub, where no path is named", example="cais/mmlu"
    )
    hub_config: str | None = option("all", "the hub data set's configuration", example="all")
    train_split: str | None = option("auxiliary_train", "the training split; none: nothing, all is held out")
    choices_field: str = option("choices", "the column with the choices")


@dataclass(frozen=True, kw_only=True)
class WordProblems(OneReply):
    """Questions, the form of a reply, and the grader that compares.

    `left_out` are places of questions that are not trained on.
    """

    name: str
    questions: Questions
    form: Form
    grader: Grader
    shots: tuple[Shot, ...] = ()
    appendix: str = ""  # what follows every question
    task_seed: int = 0
    left_out: frozenset[str] = frozenset()
    ways_out: ClassVar[str] = "Choose another grader or system_prompt"  # for golds that fail

    # --- a task

    @property
    def reply_limit(self) -> int:
        return 0  # the references tell

    @property
    def num_problems(self) -> int:
        return len(self.trained)

    @property
    def num_held_out(self) -> int:
        return len(self.questions.asked)

    @property
    def grader_name(self) -> str:
        return self.grader.name

    def problem(self, index: int) -> Problem:
        turn, place = divmod(index, len(self.trained))
        return self._problem(self.trained[shuffled(self.task_seed, turn, len(self.trained))[place]])

    def held_out(self, index: int) -> Problem:
        """All of them in turn, in an order that mixes the subjects of a sorted file."""
        count = self.num_held_out
        return self._problem(self.questions.asked[shuffled("held out", 0, count)[index % count]])

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        reply = replies[0]
        return Grade(
            hits=(self.grader.judge(reply, str(problem.facts["answer"])),),
            well_formed=self.form.read(reply) is not None,
            text=self.grader.extract(reply),
            form=form_of(reply),
        )

    # --- data

    @cached_property
    def trained(self) -> tuple[Question, ...]:
        kept = tuple(one for one in self.questions.trained if one.place not in self.left_out)
        if not kept:
            raise DataError("every question was left out, and nothing is left to train on: raise max_prompt_tokens.")
        return kept

    @property
    def remarks(self) -> list[str]:
        return self.questions.remarks

    def stands_in(self, *, held_out: bool) -> str:
        asked = self.questions
        if held_out and not asked.is_divided:
            return asked.eval_source.named(asked.eval_split)
        share = f"the held-out {asked.eval_share:g} of " if held_out else ""
        return share + asked.source.named(str(asked.train_split))

    def placed(self) -> Iterator[tuple[str, Problem]]:
        """Every problem that is trained on, and where it stands."""
        return ((one.place, self._problem(one)) for one in self.trained)

    def without(self, places: Collection[str]) -> Self:
        """The same, not trained on the questions at these places."""
        return replace(self, left_out=self.left_out | frozenset(places))

    @cached_property
    def failing_golds(self) -> dict[str, str]:
        """Places of questions whose own gold answer does not earn full marks, and what the grader made of it."""
        sides = (self.trained if self.questions.train_split is not None else (), self.questions.asked)
        questions = [one for side in sides for one in side]
        faults = {
            gold: fault
            for gold in dict.fromkeys(one.gold for one in questions)
            for fault in check_replies(self.grader, [(self.form.written("", gold), gold)])
        }
        return {one.place: faults[one.gold] for one in questions if one.gold in faults}

    def check_golds(self) -> str | None:
        """Every gold answer earns full marks, or a DataError with its place; a remark where such rows are skipped."""
        if not self.failing_golds:
            return None
        place, fault = next(iter(self.failing_golds.items()))
        count = f"{len(self.failing_golds)} golds of this kind"
        if not self.questions.skips_bad:
            raise DataError(f"{place}: {fault} ({count}). {self.ways_out}, or write bad_rows=skip.")
        return f"not trained on, {count}; where they are asked, no reply is right: {place}: {fault}"

    def readable(self) -> Self:
        """The same, not trained on golds that cannot earn full marks."""
        return self.without(self.failing_golds)

    def _problem(self, question: Question) -> Problem:
        shots = tuple((self._asked(one.question), self.form.written(one.solution, one.gold)) for one in self.shots)
        return Problem(
            key=f"{self.name}-{question.key}",
            messages=conversation(self.form, shots, self._asked(question.text)),
            reference=(self.form.written(question.solution, question.gold),),
            facts={"answer": question.gold, "place": Path(question.place).name},
            columns={name: plain_value(value) for name, value in question.row.items()},
        )

    def _asked(self, text: str) -> str:
        return f"{text}\n{self.appendix}" if self.appendix else text


def plain_value(value: object) -> object:
    """As JSON has it, so that a checkpoint can keep it."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain_value(one) for name, one in value.items()}
    return [plain_value(one) for one in value] if isinstance(value, list | tuple) else str(value)


@lru_cache(maxsize=8)
def shuffled(seed: int | str, turn: int, count: int) -> list[int]:
    """The places 0 to count - 1 in the order of one turn."""
    places = list(range(count))
    Random(seed_for(seed, "order", turn)).shuffle(places)
    return places


Kind = TypeVar("Kind", bound=WordProblems)


def word_problems(
    name: str, options: DataOptions, read: Read, shots: tuple[Shot, ...], *, make: type[Kind], grader: str = "",
    appendix: str = "",
) -> Kind:  # fmt: skip
    if options.path is None and options.hub is None:
        raise ConfigError(
            f"{name} asks what stands in your data: write path=FILE (.jsonl, .json, .parquet, .csv) or a folder, or "
            "hub=NAME"
        )
    source = Source(path=options.path, hub=options.hub, hub_config=options.hub_config)
    form = form_named(options.system_prompt)
    return make(
        name=name,
        questions=Questions(
            source=source,
            eval_source=Source(path=options.eval_path) if options.eval_path else source,
            read=read,
            train_split=options.train_split,
            eval_split=options.eval_split,
            eval_share=options.eval_share,
            limit=options.num_problems,
            skips_bad=options.bad_rows == "skip",
        ),
        form=form,
        grader=grader_named(options.grader or (grader if form.name == "none" else "") or form.grader),
        shots=first(shots, options.num_shots),
        appendix=appendix,
        task_seed=options.task_seed or 0,
    )


def fields_of(options: DataOptions) -> Fields:
    return Fields(question=options.question_field, answer=options.answer_field, solution=options.solution_field)


class Gsm8k:
    """Grade-school word problems; the gold stands behind ####."""

    Options = Gsm8kOptions

    @staticmethod
    def from_options(options: DataOptions) -> WordProblems:
        return word_problems(
            "gsm8k", options, partial(marked_question, fields=fields_of(options)), WORD_PROBLEMS, make=WordProblems
        )


class Mathematics:
    """Any question with an answer, or with a solution that has the answer in a box."""

    Options = MathOptions

    @staticmethod
    def from_options(options: DataOptions) -> WordProblems:
        return word_problems(
            "math", options, partial(worked_question, fields=fields_of(options)), MATHEMATICS, make=WordProblems
        )


class Mmlu:
    """Questions with choices; the reply is a letter."""

    Options = MmluOptions

    @staticmethod
    def from_options(options: MmluOptions) -> WordProblems:
        read = partial(choice_question, fields=fields_of(options), choices_field=options.choices_field)
        return word_problems("mmlu", options, read, CHOICES, make=WordProblems, grader="exact", appendix=ONE_LETTER)
