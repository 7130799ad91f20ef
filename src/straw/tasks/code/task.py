"""Problems that are solved by programs: code and livecodebench, from files or from the hub.

    user        Read two numbers and print their sum. ... Answer with the whole program in one block of code ...
    assistant   ```python
                a, b = map(int, input().split())
                print(a + b)
                ```

The program runs in a sandbox and its outputs are compared outside (`straw.sandbox.programs`). A rollout is right when
all tests pass; the share of those that pass is the fact `tests`, which `reward_type=tests_passed` pays for in levels.
Where the data has programs of its own they have to pass before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

from straw.sandbox.process import check as check_sandbox
from straw.tasks.code.exercises import Exercise
from straw.tasks.code.forms import TESTS, exercise_in
from straw.tasks.code.grading import Runner
from straw.tasks.code.livecodebench import Window
from straw.tasks.code.options import OWN, CodeOptions, LiveCodeBenchOptions
from straw.tasks.code.replies import asked, in_a_block, written_in
from straw.tasks.prompting.gold import Worked
from straw.tasks.word_problems.data_loading import Row, Source
from straw.tasks.word_problems.splits import Question
from straw.tasks.word_problems.tasks import WordProblems, word_problems
from straw.types import End, Grade, Problem

SHIPPED = Path(__file__).with_name("made_up.jsonl")


@dataclass(frozen=True, kw_only=True)
class Code(WordProblems):
    """Rows as exercises; a question's gold is the data's own program, or empty."""

    Options = CodeOptions

    runner: Runner
    is_short: bool = False
    ways_out: ClassVar[str] = "Mend or remove it"  # programs are judged by tests alone

    @classmethod
    def from_options(cls, options: CodeOptions) -> Code:
        check_sandbox()
        path = options.path if options.path or options.hub else str(SHIPPED)
        data = replace(options, path=path, grader=None)
        made: Code = word_problems(options.kind, data, read, (), make=cls.made_with(options))
        return made

    @classmethod
    def made_with(cls, options: CodeOptions) -> Any:
        def make(**fields: Any) -> Code:
            runner = Runner(options.limits, float(options.all_tests_seconds))
            return cls(runner=runner, is_short=options.prompt == "short", **fields)

        return make

    @property
    def grader_name(self) -> str:
        return OWN

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        exercise = self.exercise(problem.key)
        written = written_in(replies[0], exercise)
        passed = self.runner.passed(problem.key, exercise, written.program)
        return Grade(
            hits=(all(passed),),
            well_formed=written.in_block,
            text=written.program.strip() or None,
            form={"tests": sum(passed) / len(passed)},
        )

    @cached_property
    def failing_golds(self) -> dict[str, str]:
        """Places of rows whose own program does not pass its tests."""
        sides = (self.trained if self.questions.train_split is not None else (), self.questions.asked)
        questions = [one for side in sides for one in side if one.gold]
        return {one.place: fault for one in questions if (fault := self._fault(one))}

    def check_golds(self) -> str | None:
        """Programs of the data pass; a remark on how many problems come without one."""
        remark = super().check_golds()
        asked = self.trained if self.questions.train_split is not None else self.questions.asked
        without = sum(not one.gold for one in asked)
        bare = f"{without} of {len(asked)} problems have no program of their own, which nothing can imitate"
        return remark if remark or not without else bare

    def _fault(self, question: Question) -> str:
        key = f"{self.name}-{question.key}"
        passed = self.runner.passed(key, self.exercise(key), question.gold)
        return "" if all(passed) else f"its own program passes {sum(passed)} of its {len(passed)} tests"

    def exercise(self, key: str) -> Exercise:
        return self._exercises(key)

    @cached_property
    def _exercises(self) -> Any:
        """By a problem's key; few are kept, since tests may be large."""
        sides = (self.questions.rows_to_ask, self.questions.rows_to_train if self.questions.train_split else ())
        rows = {f"{self.name}-{one.key}": one.row for side in sides for one in side}
        return lru_cache(maxsize=256)(lambda key: exercise_in(rows[key]))

    def _problem(self, question: Question) -> Problem:
        made = super()._problem(question)
        key = f"{self.name}-{question.key}"
        text = asked(self.exercise(key), is_short=self.is_short)
        *before, last = made.messages
        return replace(
            made,
            key=key,
            messages=(*before, last._replace(content=text)),
            reference=(in_a_block(question.gold) if question.gold and not self.is_short else question.gold,),
            facts={"place": Path(question.place).name, "has_reference": bool(question.gold)},
            columns={name: value for name, value in made.columns.items() if name not in TESTS},
        )


class LiveCodeBench(Code):
    """LiveCodeBench with windows of dates."""

    Options = LiveCodeBenchOptions

    @classmethod
    def made_with(cls, options: CodeOptions) -> Any:
        assert isinstance(options, LiveCodeBenchOptions)
        make, (since, before) = super().made_with(options), options.window

        def make_in_window(*, questions: Any, **fields: Any) -> Code:
            def window(source: Source) -> Window:
                return Window(
                    path=source.path, hub=source.hub, hub_config=source.hub_config, since=since, before=before
                )

            sources = {"source": window(questions.source), "eval_source": window(questions.eval_source)}
            made: Code = make(questions=replace(questions, **sources), **fields)
            return made

        return make_in_window


def read(row: Row) -> tuple[str, Worked]:
    """The text of a problem, and the program that comes with it."""
    exercise = exercise_in(row)
    return exercise.text, Worked(exercise.reference, "")
