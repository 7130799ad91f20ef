"""What my_task.py promises: python -m pytest examples/test_my_task.py"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from my_task import Letters

from straw.types import End


def test_every_problem_has_its_right_answer():
    task = Letters(size=3)
    problems = [task.problem(index) for index in range(task.num_problems)]
    assert [one.reference for one in problems] == [("b",), ("c",), ("d",)]


def test_the_reference_is_right_and_another_reply_is_not():
    task = Letters(size=3)
    problem = task.problem(0)
    assert all(task.grade(problem, ("b",), End.ANSWERED).hits)
    assert not any(task.grade(problem, ("q",), End.ANSWERED).hits)
