"""Programs of one line: which are drawn, what is shown of them, and what is asked of a reply."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from straw.sandbox.programs import Call
from straw.tasks.code.one_line import Line, OneLine, OneLineOptions, asked, exercise_of, split_of
from straw.types import End, Message


class Runner:
    """Passes what it is told to."""

    def __init__(self, *passed: bool) -> None:
        self.verdict, self.ran = passed, []  # type: ignore[var-annotated]

    def passed(self, key: str, exercise: Any, program: str) -> tuple[bool, ...]:
        self.ran.append((key, exercise, program))
        return self.verdict


def drawn(largest: int, count: int = 1500) -> list[Line]:
    random = Random(0)
    return [OneLine(largest=largest).draw(random) for _ in range(count)]


def test_a_program_is_x_with_a_number_up_to_the_largest_in_four_ways() -> None:
    texts = {line.text for line in drawn(3)}
    assert texts == {text.format(number) for text in ("x+{}", "x-{}", "x*{}", "{}-x") for number in (1, 2, 3)}
    assert {line.text for line in drawn(1, 50)} == {"x+1", "x-1", "x*1", "1-x"}


def test_three_numbers_in_a_row_are_shown_from_zero_to_six_on_and_three_others_are_not() -> None:
    lines = drawn(3)
    assert {line.numbers[:3] for line in lines} == {(first, first + 1, first + 2) for first in range(7)}
    hidden = [number for line in lines for number in line.numbers[3:]]
    assert all(len(line.numbers) == 6 and len({*line.numbers}) == 6 for line in lines)
    assert min(hidden) >= 10 and max(hidden) < 100 and len({*hidden}) > 60
    by_text: dict[Any, set[Any]] = {}
    for line in lines:
        by_text.setdefault((line.text, line.numbers[0]), set()).add(line.numbers)
    assert all(len(numbers) == 1 for numbers in by_text.values())  # a program that is known need not be run again


def test_values_are_what_the_program_makes_of_the_numbers() -> None:
    for line in drawn(5, 200):
        number = int(line.text.strip("x+-*"))
        made = {"+": lambda x, n: x + n, "*": lambda x, n: x * n, "-": lambda x, n: x - n}[
            line.text.strip("x0123456789")
        ]
        values = [number - x if line.text.endswith("x") else made(x, number) for x in line.numbers]
        assert list(line.values) == values


LINE = Line("x+3", (2, 3, 4, 50, 60, 70), (5, 6, 7, 53, 63, 73))


def test_the_first_three_numbers_are_shown_and_all_six_are_asked_for() -> None:
    problem = asked(LINE)
    assert problem.messages == (Message("user", "2:5 3:6 4:7"),) and problem.reference == ("x+3",)
    assert problem.key == "one_line-2-3-4-50-60-70-x+3"
    exercise = exercise_of(problem)
    assert (exercise.text, exercise.function) == ("2:5 3:6 4:7", "f")
    assert exercise.questions == (Call("f", ([2, 3, 4, 50, 60, 70],)),)
    assert exercise.expected == ([5, 6, 7, 53, 63, 73],)


def test_a_tenth_of_all_that_can_be_shown_is_held_out_whatever_is_hidden() -> None:
    lines = {(line.text, line.numbers[:3]): line for line in drawn(40, 1500)}
    share = sum(split_of(line) == "held out" for line in lines.values()) / len(lines)
    assert len(lines) > 700 and 0.07 < share < 0.13
    other = Line(LINE.text, (2, 3, 4, 51, 61, 71), LINE.values)
    assert split_of(other) == split_of(LINE)
    task = OneLine()
    for index in range(30):
        for split, problem in (("train", task.problem(index)), ("held out", task.held_out(index))):
            facts: Any = problem.facts
            assert split_of(Line(problem.reference[0], tuple(facts["numbers"]), ())) == split


def test_problems_are_a_function_of_seed_and_index() -> None:
    def texts(**fields: Any) -> list[str]:
        return [OneLine(**fields).problem(index).key for index in range(12)]

    assert texts() == texts() != texts(task_seed=1) and len({*texts()}) > 8


def test_a_reply_has_room_for_the_longest_program_and_two_characters_more() -> None:
    assert [OneLine(largest=largest).reply_limit for largest in (5, 9, 10, 99)] == [5, 5, 6, 6]


@pytest.mark.parametrize(
    ("reply", "passed", "hit", "well_formed", "text"),
    [
        ("x+3", (True,), True, True, "x+3"), (" x + 3\n", (False,), False, True, "x+3"),
        ("7", (True,), True, False, "7"), ("", (False,), False, False, None),
    ],
)  # fmt: skip
def test_a_reply_is_run_as_an_expression_of_x(
    reply: str, passed: tuple[bool, ...], hit: bool, well_formed: bool, text: str | None
) -> None:
    runner, problem = Runner(*passed), asked(LINE)
    task = OneLine(runner=runner)  # type: ignore[arg-type]
    grade = task.grade(problem, [reply], End.ANSWERED)
    assert (grade.hits, grade.well_formed, grade.text) == ((hit,), well_formed, text)
    ((key, exercise, program),) = runner.ran
    assert key == problem.key and program == f"f = lambda numbers: [({reply}) for x in numbers]"
    assert exercise.questions == (Call("f", ([2, 3, 4, 50, 60, 70],)),)


def test_options_reach_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.tasks.code.one_line.check_sandbox", lambda: None)
    task = OneLine.from_options(OneLineOptions(kind="one_line", largest=7, task_seed=3))
    assert (task.largest, task.task_seed, task.name, task.runner.total_s) == (7, 3, "one_line", 10.0)
    assert task.runner.limits.cpu_s == 1 and task.runner.limits.wall_s == 5.0
