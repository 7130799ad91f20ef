"""Programs of replies are run and paid; the data's own programs pass, and what is wrong with data is said."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.needs import needs_sandbox
from tests.tasks.code.test_forms import FUNCTION, HUMAN_EVAL, MBPP, PLAIN, contest

import straw
from straw.config import load_page
from straw.errors import ConfigError, DataError
from straw.rewards.tests_passed import TestsPassed
from straw.tasks.code.livecodebench import Window
from straw.tasks.code.options import CodeOptions, LiveCodeBenchOptions
from straw.tasks.code.replies import in_a_block
from straw.tasks.code.task import SHIPPED, Code, LiveCodeBench
from straw.types import End, Grade

HALF = "import sys\nprint(4 if sys.stdin.read() else 1)"


def task_of(**words: Any) -> Any:
    return straw.load(words.pop("task", "code"), model="tiny-0.2M", **words).task


def asked_alone(**words: Any) -> Any:
    """As an evaluation has it: nothing is trained on."""
    page = load_page(None, {"kind": "code", **words}).page
    return straw.registry.find("tasks", page.task.kind).from_options(page.task)


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def grade(task: Any, problem: Any, program: str) -> Grade:
    found: Grade = task.grade(problem, [in_a_block(program)], End.ANSWERED)
    return found


@pytest.mark.slow
@needs_sandbox
def test_what_ships_is_sound() -> None:
    task = task_of()
    assert task.num_problems + task.num_held_out == len(SHIPPED.read_text().splitlines()) == 24
    assert task.check_golds() is None
    for index in range(4):
        problem = task.held_out(index)
        assert grade(task, problem, "pass").hits == (False,)
        assert "tests" not in problem.columns and problem.facts.keys() == {"place", "has_reference"}


@needs_sandbox
def test_every_form_is_run_and_partly_right_is_told_apart(tmp_path: Path) -> None:
    rows = [PLAIN | {"prompt": "a"}, FUNCTION | {"prompt": "b"}, HUMAN_EVAL, MBPP | {"text": "c"}]
    task = asked_alone(path=str(written(tmp_path / "data.jsonl", *rows)), train_split="none")
    problems = {task.exercise(one.key).text[0]: one for one in map(task.held_out, range(4))}
    right = {"a": "import sys\nprint(2 * int(sys.stdin.read() or 0))", "b": "def f(x): return 2 * x"}
    right |= {"C": "def double(x): return 2 * x", "c": "def f(x): return x + x"}
    for name, problem in problems.items():
        found, wrong = grade(task, problem, right[name]), grade(task, problem, "def f(x): return 3\ndef double(x): 0")
        assert (found.hits, found.form, found.well_formed) == ((True,), {"tests": 1.0}, True), name
        assert (wrong.hits, wrong.form) == ((False,), {"tests": 0.0}), name
    half = grade(task, problems["a"], HALF)
    assert half.hits == (False,) and half.form == {"tests": 0.5}
    assert not task.grade(problems["a"], [HALF], End.ANSWERED).well_formed


@needs_sandbox
def test_livecodebench_is_asked_in_a_window(tmp_path: Path) -> None:
    rows = [contest(day, function="append", question_content=day) for day in ("2024-01-01", "2024-06-01", "2025-01-01")]
    path = str(written(tmp_path / "test.jsonl", *rows))
    task = asked_alone(kind="livecodebench", path=path, from_date="2024-02-01", to_date="2024-12-01")
    assert task.num_held_out == 1
    problem = task.held_out(0)
    solution = "class Solution:\n    def append(self, xs: List[int], x: int) -> List[int]:\n        return xs + [x]"
    assert grade(task, problem, solution).hits == (True,)
    assert "2024-06-01" in problem.messages[-1].content
    with pytest.raises(ConfigError, match="from_date is before to_date"):
        task_of(task="livecodebench", path=path, from_date="2025-02-01", to_date="2024-12-01")
    with pytest.raises(ConfigError, match="from_date is a day"):
        task_of(task="livecodebench", path=path, from_date="soon")


@needs_sandbox
def test_programs_of_the_data_that_fail_are_named(tmp_path: Path) -> None:
    bad = {**FUNCTION, "solution": "def f(x): return 3"}
    path = written(tmp_path / "train.jsonl", bad, {**FUNCTION, "prompt": "other", "solution": "def f(x): return 2 * x"})
    task = task_of(path=str(path), train_split="train", eval_path=str(SHIPPED))
    with pytest.raises(DataError, match=r"train\.jsonl:1: its own program passes 0 of its 1 tests \(.*\)\. Mend or"):
        task.check_golds()
    left = task_of(path=str(path), eval_path=str(SHIPPED), bad_rows="skip").readable()
    assert left.num_problems == 1


@needs_sandbox
def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "data.jsonl", FUNCTION, {"prompt": "x", "tests": []})
    with pytest.raises(DataError, match=r"data\.jsonl:2: it has no tests"):
        task_of(path=str(path)).problem(0)


@needs_sandbox
@pytest.mark.parametrize("words", [{"grader": "exact"}, {"num_shots": 1}, {"system_prompt": "xml"}])
def test_what_means_nothing_here_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"code|block of code"):
        task_of(**words)


@needs_sandbox
def test_the_same_program_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of()
    problem = task.problem(0)
    first = grade(task, problem, "print(1)")
    monkeypatch.setattr("straw.tasks.code.grading.outputs", lambda *args: 1 / 0)
    assert grade(task, problem, "print(1)") == first
    with pytest.raises(ZeroDivisionError):
        grade(task, problem, "print(2)")


@needs_sandbox
def test_one_line_programs() -> None:
    task = task_of(task="one_line")
    for index in range(3):
        problem = task.problem(index)
        right = problem.reference[0]
        for reply, hits in ((right, True), (f" ({right}) ", True), (f"{right}+0", True), ("x", False), ("x)", False)):
            assert task.grade(problem, [reply], End.ANSWERED).hits == (hits,), reply
    seen = {task.problem(index).messages for index in range(200)}
    assert not seen & {task.held_out(index).messages for index in range(200)}


def test_levels_are_declared_and_kept_to() -> None:
    channel = TestsPassed(5)
    paid = [channel(Grade(hits=(False,), well_formed=True, form={"tests": n / 60}), 0.0).total for n in range(61)]
    assert len({*paid}) == channel.levels == 5 and paid == sorted(paid)
    assert paid[0] == channel.lowest == 0 and paid[-1] == channel.highest == 1 and paid[-2] < 1
    assert TestsPassed(4)(Grade(hits=(False,), well_formed=True, form={"tests": 1 / 3}), 0.0).total == 1 / 3
    assert channel(Grade(hits=(True, False), well_formed=True), 0.0).total == 0.5  # of a task that runs none


def test_code_is_found_by_its_name() -> None:
    assert straw.registry.find("tasks", "code") is Code


@needs_sandbox
def test_how_many_problems_have_no_program_of_their_own_is_said(tmp_path: Path) -> None:
    rows = [{**FUNCTION, "prompt": f"p{number}"} for number in range(3)]
    rows[0]["solution"] = "def f(x): return 2 * x"
    bare = [{name: value for name, value in row.items() if name != "solution"} for row in rows[1:]]
    path = str(written(tmp_path / "train.jsonl", rows[0], *bare))
    trained = task_of(path=path, train_split="train", eval_path=str(SHIPPED))
    said = "2 of 3 problems have no program of their own, which nothing can imitate"
    assert trained.check_golds() == said
    assert asked_alone(kind="livecodebench", path=path).check_golds() == said
    whole = task_of(path=str(written(tmp_path / "whole.jsonl", rows[0])), train_split="train", eval_path=str(SHIPPED))
    assert whole.check_golds() is None


def test_an_answer_of_blanks_is_none() -> None:
    task = task_of(task="one_line")
    grade = task.grade(task.problem(0), ["  "], End.ANSWERED)
    assert (grade.text, grade.well_formed, grade.hits) == (None, False, (False,))
    assert task.grade(task.problem(0), ["x  + 1"], End.ANSWERED).text == "x+1"


def test_a_window_has_a_day_at_least() -> None:
    words = {"task": "livecodebench", "path": str(SHIPPED), "from_date": "2024-08-01"}
    whole = load_page(None, {**words, "to_date": "2024-08-02"}).page.task
    assert whole.window == (date(2024, 8, 1), date(2024, 8, 2))
    with pytest.raises(ConfigError, match="from_date is before to_date"):
        load_page(None, {**words, "to_date": "2024-08-01"})


def test_programs_of_the_data_are_imitated_for_one_pass() -> None:
    def page(*words: str) -> Any:
        values = dict(word.split("=", 1) for word in words)
        return load_page(None, {"task": "code", "path": str(SHIPPED), "model_name": "smollm2", **values}).page

    sft = CodeOptions(kind="code", path=str(SHIPPED)).defaults(page("algorithm=sft"))
    assert (sft["group_size"], sft["num_epochs"], sft["max_tokens"], sft["batch_size"]) == (1, 1, 512, 4)
    assert "num_epochs" not in CodeOptions(kind="code", path=str(SHIPPED)).defaults(
        page("algorithm=sft", "n_batches=7")
    )
    grpo = CodeOptions(kind="code", path=str(SHIPPED)).defaults(page())
    assert grpo["n_batches"] == 100 and "num_epochs" not in grpo
    assert "n_batches" not in CodeOptions(kind="code", path=str(SHIPPED)).defaults(page("num_epochs=2"))


@needs_sandbox
def test_the_long_prompt_asks_for_a_block_and_the_short_one_for_the_program_alone(tmp_path: Path) -> None:
    solution = "def f(x): return 2 * x"
    rows: list[dict[str, Any]] = [
        {**FUNCTION, "prompt": "a", "solution": solution, "level": 3},
        {**FUNCTION, "prompt": "b"},
    ]
    path = str(written(tmp_path / "data.jsonl", *rows))
    for prompt, reference in (("long", in_a_block(solution)), ("short", solution)):
        task = asked_alone(path=path, train_split="none", prompt=prompt, system_prompt="You write programs well.")
        with_one, without = sorted(map(task.held_out, range(2)), key=lambda one: -len(one.reference[0]))
        assert (with_one.reference, without.reference) == ((reference,), ("",))
        assert [one.facts["has_reference"] for one in (with_one, without)] == [True, False]
        assert with_one.facts["place"] == "data.jsonl:1" and with_one.columns["level"] == 3
        assert with_one.messages[0].content == "You write programs well." and len(with_one.messages) == 2
        assert (with_one.messages[-1].content == "a") is (prompt == "short")
        assert not {"tests"} & {*with_one.columns}


@needs_sandbox
def test_a_reply_is_graded_by_the_share_of_its_tests_that_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from straw.tasks.code.grading import Runner

    task = asked_alone(path=str(written(tmp_path / "data.jsonl", PLAIN)), train_split="none")
    problem = task.held_out(0)
    programs: list[str] = []

    def passed(runner: Any, key: str, exercise: Any, program: str) -> tuple[bool, ...]:
        programs.append(program)
        return (True, True, False, True)

    monkeypatch.setattr(Runner, "passed", passed)
    found = task.grade(problem, ["So:\n```python\n x = 1 \n```"], End.ANSWERED)
    assert (found.hits, found.form, found.text, found.well_formed) == ((False,), {"tests": 0.75}, "x = 1", True)
    assert task.grade(problem, ["  "], End.ANSWERED).text is None and programs == [" x = 1 \n", "  "]
    assert task.runner.total_s == 60.0 and task.runner.limits.wall_s == 14.0


@needs_sandbox
def test_problems_come_from_a_path_or_the_hub_or_with_straw() -> None:
    def source(**words: Any) -> tuple[str | None, str | None]:
        task = Code.from_options(CodeOptions(kind="code", **words))
        return task.questions.source.path, task.questions.source.hub

    assert source() == (str(SHIPPED), None) and source(path="a.jsonl") == ("a.jsonl", None)
    assert source(hub="a/b") == (None, "a/b")


@needs_sandbox
def test_a_window_is_of_the_same_data() -> None:
    options = LiveCodeBenchOptions(
        kind="livecodebench", hub="a/b", hub_config="v1", from_date="2024-08-01", to_date="2024-08-02",
        eval_path="c.jsonl", test_seconds=2, all_tests_seconds=9, prompt="short",
    )  # fmt: skip
    task = LiveCodeBench.from_options(options)
    days = {"since": date(2024, 8, 1), "before": date(2024, 8, 2)}
    assert task.questions.source == Window(hub="a/b", hub_config="v1", **days)  # type: ignore[arg-type]
    assert task.questions.eval_source == Window(path="c.jsonl", **days)  # type: ignore[arg-type]
    assert (task.name, task.is_short, task.runner.total_s, task.runner.limits.wall_s) == (
        "livecodebench",
        True,
        9.0,
        10.0,
    )
    assert task.grader_name == "own"
