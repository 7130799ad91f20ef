"""How a program is asked for, and which part of a reply is the program."""

from __future__ import annotations

from time import process_time

import pytest

from straw.sandbox.programs import Asserts, Call, Script
from straw.tasks.code.exercises import Exercise
from straw.tasks.code.replies import ASK, asked, defines, in_a_block, written_in


def scripts(**more: str) -> Exercise:
    return Exercise(text="Double it.", questions=(Script("1"),), expected=("2",), **more)  # type: ignore[arg-type]


def test_the_long_prompt_says_what_is_wanted_shows_public_tests_and_a_form() -> None:
    form = "Write a Python program that reads its input from standard input and prints its answer."
    assert asked(scripts(), is_short=False) == f"Double it.\n\n{form}\n\n{ASK}"
    assert asked(scripts(shown="For 1."), is_short=False) == f"Double it.\n\n{form}\n\nFor 1.\n\n{ASK}"
    function = Exercise(text="Double it.", function="twice", questions=(Call("twice", (1,)),), expected=(2,))
    assert asked(function, is_short=False) == f"Double it.\n\nWrite the Python function `twice`.\n\n{ASK}"


def test_who_is_asked_for_what_asserts_want_is_not_told_to_read_standard_input() -> None:
    wanted = Exercise(text="Write a function.", asserts=Asserts(tests=("assert f(1) == 2",)), shown="For 1.")
    assert asked(wanted, is_short=False) == f"Write a function.\n\nFor 1.\n\n{ASK}"


def test_a_starter_is_shown_in_place_of_a_form_and_a_beginning_needs_none() -> None:
    starter = "Begin with this code:\n\n```python\n  class A:\n```"
    assert (
        asked(scripts(starter="\n  class A:\n\n", function="f"), is_short=False) == f"Double it.\n\n{starter}\n\n{ASK}"
    )
    assert asked(scripts(begins="def f():", function="f"), is_short=False) == f"Double it.\n\n{ASK}"
    both = scripts(begins="def f():", starter="class A:")
    assert "Begin with this code" in asked(both, is_short=False)


def test_the_short_prompt_is_the_problem_s_own_text() -> None:
    assert asked(scripts(starter="class A:", shown="For 1."), is_short=True) == "Double it."


@pytest.mark.parametrize(
    ("program", "is_there"),
    [
        ("def f(x): 1", True), ("x = 1\nasync  def f(): 1", True), ("class f: 1", True), ("f = abs", True),
        ("f=abs", True),
        (" def f(): 1", False), ("def fg(): 1", False), ("def g(): f = 1", False), ("f(1)", False), ("", False),
    ],
)  # fmt: skip
def test_a_function_is_defined_at_the_beginning_of_a_line(program: str, is_there: bool) -> None:
    assert defines(program, "f") is is_there
    assert not defines("def aXb(): 1", "a.b")  # a name is no pattern


def test_a_reply_goes_on_where_the_prompt_ends_only_if_there_is_a_beginning_and_no_function() -> None:
    begun = Exercise(text="", function="f", begins="def f():\n", asserts=Asserts(tests=("assert f()",)))
    assert written_in("    return 1", begun) == ("def f():\n    return 1", False)
    assert written_in("```\n    return 1\n```", begun) == ("def f():\n    return 1\n", True)
    assert written_in("def f(): return 2", begun).program == "def f(): return 2"
    assert written_in("x = 1", scripts(begins="y = 2\n")).program == "x = 1"  # no function, so nothing is missing
    assert written_in("x = 1", scripts(function="f")).program == "x = 1"


def test_a_block_holds_a_program_without_empty_lines_around_it() -> None:
    assert in_a_block("\n\n  x = 1\n\n") == "```python\n  x = 1\n```"


def test_blanks_behind_a_fence_are_read_once() -> None:
    """Twice as many once took four times as long: four seconds for these."""
    reply, began = "```" + " " * 100_000, process_time()
    assert written_in(reply, scripts()) is not None
    assert process_time() - began < 0.5
