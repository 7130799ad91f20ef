"""Rows of every form become exercises, and what a row lacks is said."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from straw.errors import DataError
from straw.sandbox.programs import Asserts, Call, Script
from straw.tasks.code.forms import exercise_in, head_of, maybe_text, shown_tests, text_in
from straw.tasks.code.livecodebench import Window, day_of, unpacked
from straw.tasks.code.replies import asked, written_in

PLAIN = {
    "prompt": "Double it.",
    "tests": [{"input": "2\n", "output": "4\n", "public": True}, {"input": "", "output": "0"}],
}
FUNCTION = {"prompt": "Double it.", "function": "f", "tests": [{"input": [2], "output": 4, "public": True}]}
HUMAN_EVAL = {
    "task_id": "Made/0", "prompt": 'def half(x):\n    return x / 2\n\n\ndef double(x):\n    """Double it."""\n',
    "entry_point": "double", "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert half(candidate(3)) == 3\n",
}  # fmt: skip
MBPP: dict[str, Any] = {
    "task_id": 1,
    "text": "Double it.",
    "code": "def f(x): return 2 * x",
    "test_list": ["assert f(2) == 4"],
}


def packed(tests: Any) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def contest(day: str = "2024-09-01T00:00:00", function: str = "", **more: Any) -> dict[str, Any]:
    tests = [{"input": "[1, 2]\n3", "output": "[1, 2, 3]", "testtype": "functional" if function else "stdin"}]
    return {
        "question_content": "Append it.", "contest_date": day, "starter_code": "", "question_id": day,
        "metadata": json.dumps({"func_name": function} if function else {}), "public_test_cases": json.dumps(tests),
        "private_test_cases": packed(tests * 2), **more,
    }  # fmt: skip


def test_ours() -> None:
    script, function = exercise_in(PLAIN), exercise_in(FUNCTION)
    assert script.questions == (Script("2\n"), Script("")) and script.expected == ("4\n", "0")
    assert function.questions == (Call("f", (2,)),) and function.expected == (4,)
    assert "2\nit prints\n4" in asked(script, is_short=False) and "f(2) returns 4." in asked(function, is_short=False)
    assert asked(script, is_short=True) == "Double it."


def test_human_eval_and_mbpp() -> None:
    exercise = exercise_in(HUMAN_EVAL)
    assert exercise.asserts is not None and exercise.asserts.entry == "double" and exercise.num_tests == 1
    assert exercise.reference.endswith('"""Double it."""\n    return 2 * x\n')
    compile(exercise.asserts.setup, "setup", "exec")
    exercise = exercise_in(MBPP)
    assert exercise.asserts is not None and exercise.asserts.tests == ("assert f(2) == 4",)
    assert "assert f(2) == 4" in asked(exercise, is_short=False)


@pytest.mark.parametrize("function", ["", "append"])
def test_livecodebench(function: str) -> None:
    exercise = exercise_in(contest(function=function))
    assert exercise.num_tests == 3 and exercise.function == function
    if function:
        assert exercise.questions[0] == Call("append", ([1, 2], 3)) and exercise.expected[0] == [1, 2, 3]
    else:
        assert exercise.questions[0] == Script("[1, 2]\n3") and exercise.expected[0] == "[1, 2, 3]"


def test_a_pickle_is_read_and_never_run(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    for content in (pickle.dumps(Attack()), pickle.dumps(["[]"]), pickle.dumps(("[]", "[]")), b"\x80\x04", b"nothing"):
        with pytest.raises(ValueError, match="private_test_cases"):
            unpacked(base64.b64encode(zlib.compress(content)).decode(), "private_test_cases")
    assert not (tmp_path / "ran").exists()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        text = pickle.dumps('[{"input": "é", "output": "1"}]', protocol)
        assert unpacked(base64.b64encode(zlib.compress(text)).decode(), "x")[0]["input"] == "é"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"prompt": "x"}, "fields of no form"),
        ({"prompt": "x", "tests": []}, "has no tests"),
        ({"prompt": "x", "tests": "all"}, "tests is to be a list"),
        ({"prompt": "x", "tests": [{"input": "1"}]}, "tests is to be a list"),
        ({"prompt": "x", "tests": [{"input": "1", "output": " \n"}]}, "does nothing passes"),
        ({"prompt": "x", "tests": [{"input": 1, "output": "1"}]}, "are texts where no function is named"),
        ({"prompt": "x", "function": "f", "tests": [{"input": 1, "output": 2}]}, "the list of its arguments, got 1"),
        ({"prompt": 5, "tests": [{"input": "1", "output": "1"}]}, "prompt is to be a text"),
        ({**MBPP, "test_list": []}, "has no tests"),
        ({**MBPP, "test_list": "assert"}, "list of asserts"),
        (contest(public_test_cases="[]", private_test_cases="[]"), "has no tests"),
        (contest(private_test_cases="!!"), "neither JSON nor what LiveCodeBench packs"),
        (contest(public_test_cases="[1"), "public_test_cases is not JSON"),
        (contest(metadata="{"), "metadata is not JSON"),
        (contest(metadata="[1]"), "metadata is to be an object"),
        (contest(private_test_cases=base64.b64encode(zlib.compress(b"[\xff")).decode()), "unpacks to what is no text"),
        ({**FUNCTION, "function": "f(x)"}, "name of one, got 'f"),
        ({"prompt": "x", "tests": [{"input": "1", "output": "1", "public": "false"}]}, "public is to be true or false"),
        ({**HUMAN_EVAL, "test": "assert double(1) == 2"}, "define check"),
        (contest(metadata=json.dumps({"func_name": "f(); g"})), "func_name is to be the name of a function"),
        (contest(function="f", public_test_cases=[{"input": "x", "output": "1"}]), "input is not JSON"),
    ],
)
def test_what_a_row_lacks_is_said(row: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        exercise_in(row)


def test_half_of_a_character_in_a_test_is_told_wherever_it_stands() -> None:
    """Which no file and no program takes: in packed tests it stands as an escape, so that the row itself is whole."""
    ours = {"prompt": "a", "tests": [{"input": "1", "output": "2"}]}
    assert exercise_in(ours).expected == ("2",)
    packed = json.dumps([{"input": '["\ud800"]', "output": "2"}])
    theirs = {"question_content": "a", "public_test_cases": packed, "metadata": '{"func_name": "f"}'}
    for row in (
        {**ours, "tests": [{"input": "1\ud800", "output": "2"}]},
        {**ours, "tests": [{"input": "1", "output": "\udfff"}]},
        {**ours, "function": "f", "tests": [{"input": [[{"a\ud800": 1}]], "output": 2}]},
        theirs,
    ):
        with pytest.raises(ValueError, match="half a character"):
            exercise_in(row)


def test_metadata_that_is_null_names_no_function() -> None:
    assert exercise_in(contest(metadata="null")).questions[0] == Script("[1, 2]\n3")


def test_windows_of_dates(tmp_path: Path) -> None:
    path = tmp_path / "contests.jsonl"
    days = ["2024-07-31", "2024-08-01T10:00:00", "2025-01-31", "2025-02-01"]
    path.write_text("".join(json.dumps(contest(day)) + "\n" for day in days))

    def asked_days(since: date | None, before: date | None) -> list[str]:
        return [row["contest_date"] for _, row in Window(path=str(path), since=since, before=before).rows("test")]

    assert asked_days(None, None) == days
    assert asked_days(date(2024, 8, 1), date(2025, 2, 1)) == days[1:3]
    assert asked_days(date(2025, 1, 31), None) == days[2:]
    with pytest.raises(DataError, match=r"no contest .* they go from 2024-07-31 to 2025-02-01"):
        asked_days(date(2026, 1, 1), None)
    path.write_text(json.dumps(contest("soon")) + "\n")
    with pytest.raises(DataError, match="contest_date is to be a date"):
        asked_days(date(2024, 8, 1), None)


@pytest.mark.parametrize(
    ("reply", "program", "in_block"),
    [
        ("```python\nprint(1)\n```", "print(1)\n", True),
        ("First ```x```.\n```python\nprint(1)\n```\nor\n```py\nprint(2)\n```\nSo.", "print(2)\n", True),
        ("```\nprint(1)\n```", "print(1)\n", True),
        ("Here:\n```Python\nprint(1)", "print(1)", True),
        ("print(1)", "print(1)", False),
        ("", "", False),
    ],
)
def test_the_program_in_a_reply(reply: str, program: str, in_block: bool) -> None:
    assert written_in(reply, exercise_in(PLAIN)) == (program, in_block)


def test_a_reply_may_go_on_where_the_prompt_ends() -> None:
    exercise = exercise_in(HUMAN_EVAL)
    assert written_in("    return 2 * x\n", exercise).program == exercise.reference
    whole = "```python\ndef double(x):\n    return x + x\n```"
    assert written_in(whole, exercise).program == "def double(x):\n    return x + x\n"
    assert written_in("double = lambda x: x", exercise).program == "double = lambda x: x"


def test_a_date_may_be_one_already() -> None:
    assert day_of("a:1", datetime(2024, 8, 1, 23, 59)) == date(2024, 8, 1) == day_of("a:1", "2024-08-01T10:00:00")
    assert day_of("a:1", date(2024, 8, 1)) == date(2024, 8, 1)


def test_a_text_is_the_first_field_that_says_something_and_has_to_be_one() -> None:
    row = {"a": "", "b": 3, "c": "x", "d": None}
    assert text_in(row, "a", "d", "c", "b") == "x" and text_in(row, "c") == "x"
    for names, why in (
        (("b", "c"), "b or c is to be a text, got int"),
        (("a", "d"), "a or d is to be a text, got Non"),
    ):
        with pytest.raises(ValueError, match=why):
            text_in(row, *names)
    assert (maybe_text(row, "b", "d", "c"), maybe_text(row, "b", "e"), maybe_text(row, "a", "c")) == ("x", "", "")


def test_public_tests_are_shown_as_a_prompt_has_them() -> None:
    scripts = [{"input": "1 2\n\n", "output": "3 \n"}, {"input": "", "output": "0"}]
    assert shown_tests(scripts, "") == "For the input\n1 2\nit prints\n3\nFor the input\n\nit prints\n0"
    calls = [{"input": [1, "a"], "output": "b"}, {"input": [], "output": [2]}]
    assert shown_tests(calls, "f") == "f(1, 'a') returns 'b'.\nf() returns [2]."
    assert shown_tests([], "") == shown_tests([], "f") == ""


def test_ours_may_have_other_names_a_starter_and_a_program() -> None:
    more = {"starter_code": "class A:", "reference": "x = 1"}
    script = exercise_in(PLAIN | more)
    assert (script.starter, script.reference, script.function, script.begins) == ("class A:", "x = 1", "", "")
    assert exercise_in(PLAIN | more | {"solution": "x = 2"}).reference == "x = 2"
    tests = [{"input": [2, 3], "output": None}, {"input": [], "output": 1}]
    named = exercise_in({"prompt": "Double it.", "entry_point": "g", "tests": tests})
    assert named.questions == (Call("g", (2, 3)), Call("g", ())) and named.expected == (None, 1) and named.shown == ""


def test_the_helpers_of_a_human_eval_prompt_are_the_setup_of_its_test() -> None:
    exercise = exercise_in(HUMAN_EVAL)
    prompt = HUMAN_EVAL["prompt"]
    assert exercise.text == f"Complete this Python function:\n\n```python\n{prompt.strip()}\n```"
    assert (exercise.function, exercise.begins) == ("double", prompt)
    assert exercise.asserts == Asserts(
        tests=(HUMAN_EVAL["test"],), setup=f"{prompt.rstrip()}\n    pass\n", entry="double"
    )  # fmt: skip
    without = {name: value for name, value in HUMAN_EVAL.items() if name != "canonical_solution"}
    assert exercise_in(without).reference == ""
    assert head_of(" \n") == "" and head_of("def f():\n\n") == "def f():\n    pass\n"


def test_the_first_assert_of_mbpp_is_shown_and_what_it_needs_is_its_setup() -> None:
    tests = ["assert f(2) == 4", "assert f(3) == 6"]
    exercise = exercise_in(
        {**MBPP, "test_list": tests, "test_imports": ["import math", "import re"], "test_setup_code": "y = 1"}
    )
    assert exercise.asserts == Asserts(
        tests=tuple(tests), setup="import math\nimport re\ny = 1", reference=MBPP["code"]
    )
    assert exercise.shown == "Your code should pass this test:\nassert f(2) == 4" and exercise.reference == MBPP["code"]
    bare = exercise_in({"prompt": "Double it.", "test_list": tests, "test_imports": "import math"})
    assert bare.asserts == Asserts(tests=tuple(tests), setup="import math\n")
    assert (bare.text, bare.reference) == ("Double it.", "")
    with pytest.raises(ValueError, match="list of asserts"):
        exercise_in({**MBPP, "test_list": ["assert f(2) == 4", 3]})
