"""What is run, with what limits, and what is not run again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.sandbox.limits import Limits
from straw.sandbox.programs import Asserts, Call, Prelude, Said, Script
from straw.tasks.code import grading
from straw.tasks.code.exercises import Exercise
from straw.tasks.code.grading import Runner

LIMITS, PRELUDE = Limits(cpu_s=3), Prelude(source="import sys")
SCRIPTS = Exercise(text="a", questions=(Script("1"), Script("2")), expected=("1", "2"), prelude=PRELUDE)
ASSERTS = Exercise(text="b", asserts=Asserts(tests=("assert f(1)", "assert f(2)")))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was run; a script prints 1, and the first assert fails."""
    found: list[Any] = []

    def outputs(*args: Any) -> list[Said]:
        found.append(args)
        return [Said("exited", 0, "1\n") for _ in args[1]]

    def verdicts(*args: Any) -> list[Any]:
        found.append(args)
        return [SimpleNamespace(passed=place > 0) for place, _ in enumerate(args[1].tests)]

    monkeypatch.setattr(grading, "outputs", outputs)
    monkeypatch.setattr(grading, "verdicts", verdicts)
    return found


def test_a_program_is_run_with_its_questions_its_limits_and_the_time_for_all(ran: list[Any]) -> None:
    runner = Runner(LIMITS, 7.5)
    assert runner.passed("a", SCRIPTS, "print(1)") == (True, False)
    assert runner.passed("b", ASSERTS, "f = int") == (False, True)
    assert ran == [
        ("print(1)", SCRIPTS.questions, LIMITS, PRELUDE, 7.5), ("f = int", ASSERTS.asserts, LIMITS, None, 7.5),
    ]  # fmt: skip


def test_a_program_is_run_once_for_a_problem_and_again_for_another(ran: list[Any]) -> None:
    runner = Runner(LIMITS, 7.5)
    for key, program in (
        ("a", "x"),
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
        ("b", "x"),
        ("a", "x"),
        ("ab", ""),
        ("a", "b"),
    ):
        assert runner.passed(key, SCRIPTS, program) == (True, False)
    assert [args[0] for args in ran] == ["x", "y", "x", "", "b"]
    assert runner.passed("a", SCRIPTS, "\ud800") == (True, False)  # half a character has a name too


def test_where_as_many_verdicts_are_kept_as_may_be_all_are_forgotten(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grading, "KEPT", 2)
    runner = Runner(LIMITS, 7.5)
    for program in ("x", "y", "x", "z", "z", "x"):
        runner.passed("a", SCRIPTS, program)
    assert [args[0] for args in ran] == ["x", "y", "z", "x"] and len(runner.found) == 2
    assert runner == Runner(LIMITS, 7.5)  # what was found makes it no other


def test_an_exercise_has_tests_that_a_program_which_does_nothing_fails() -> None:
    assert (SCRIPTS.num_tests, ASSERTS.num_tests) == (2, 2)
    with pytest.raises(ValueError, match="it has no tests, so no program could be told from another"):
        Exercise(text="a", asserts=Asserts(tests=()))
    empty: list[tuple[Any, ...]] = [("", " \n"), (None, None), (None, "")]
    for expected in empty:
        with pytest.raises(ValueError, match="a program that does nothing passes each of its tests"):
            Exercise(text="a", questions=(Script("1"), Script("2")), expected=expected)
    told: list[tuple[Any, ...]] = [(None, 0), ("", "x"), (False, None), ([], None)]
    for expected in told:
        assert Exercise(text="a", questions=(Call("f", ()), Call("f", ())), expected=expected).num_tests == 2
