"""Rows of data as exercises, by the fields they have.

    prompt, tests [, function, solution]           ours: {"input": ..., "output": ..., "public": true}
    prompt, entry_point, test                      HumanEval: the function's head, and a check(candidate)
    text or prompt, test_list [, code]             MBPP: a list of asserts, of which the first is public
    question_content, public_test_cases, ...       LiveCodeBench, private tests packed or not

In ours an input is a text for standard input, or with `function` the list of its arguments. A ValueError says what a
row lacks; `straw` puts its place in front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from straw.sandbox.programs import Asserts, Call, Script
from straw.tasks.code.exercises import Exercise
from straw.tasks.code.livecodebench import exercise_of_livecodebench
from straw.text.tools.calls import all_whole

Row = Mapping[str, Any]
TESTS = ("tests", "test", "test_list", "public_test_cases", "private_test_cases", "challenge_test_list")


def exercise_in(row: Row) -> Exercise:
    for names, read in FORMS.items():
        if all(name in row for name in names):
            found = read(row)
            if not all_whole([found.expected, *map(given, found.questions)]):  # of tests that were packed
                raise ValueError("a test of it holds half a character (a lone surrogate)")
            return found
    raise ValueError(
        "it has the fields of no form: prompt and tests, prompt and test and entry_point (HumanEval), test_list "
        "(MBPP), or question_content and public_test_cases (LiveCodeBench)"
    )


def given(asked: Script | Call) -> Any:
    return asked.stdin if isinstance(asked, Script) else asked.args


def text_in(row: Row, *names: str) -> str:
    found = next((row[name] for name in names if row.get(name)), None)
    if not isinstance(found, str):
        raise ValueError(f"{' or '.join(names)} is to be a text, got {type(found).__name__}")
    return found


def maybe_text(row: Row, *names: str) -> str:
    return next((row[name] for name in names if isinstance(row.get(name), str)), "")


def plain(row: Row) -> Exercise:
    tests, function = row["tests"], maybe_text(row, "function", "entry_point")
    if not isinstance(tests, list) or not all(isinstance(one, dict) and {"input", "output"} <= {*one} for one in tests):
        raise ValueError('tests is to be a list of {"input": ..., "output": ...}')
    if function and not function.isidentifier():
        raise ValueError(f"function is to be the name of one, got {function!r:.40}")
    if odd := [one["public"] for one in tests if not isinstance(one.get("public"), bool | None)]:
        raise ValueError(f"public is to be true or false, got {odd[0]!r:.40}")
    return Exercise(
        text=text_in(row, "prompt"),
        function=function,
        questions=tuple(question(one["input"], function) for one in tests),
        expected=tuple(one["output"] if function else text_of(one["output"]) for one in tests),
        reference=maybe_text(row, "solution", "reference"),
        starter=maybe_text(row, "starter_code"),
        shown=shown_tests([one for one in tests if one.get("public")], function),
    )


def question(given: Any, function: str) -> Script | Call:
    if not function:
        return Script(text_of(given))
    if not isinstance(given, list):
        raise ValueError(f"the input of a function is the list of its arguments, got {given!r:.40}")
    return Call(function, tuple(given))


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"input and output are texts where no function is named, got {value!r:.40}")
    return value


def shown_tests(tests: list[Any], function: str) -> str:
    if not tests:
        return ""
    if function:
        calls = [(", ".join(map(repr, one["input"])), one["output"]) for one in tests]
        return "\n".join(f"{function}({arguments}) returns {output!r}." for arguments, output in calls)
    return "\n".join(f"For the input\n{one['input'].rstrip()}\nit prints\n{one['output'].rstrip()}" for one in tests)


def human_eval(row: Row) -> Exercise:
    prompt, entry = text_in(row, "prompt"), text_in(row, "entry_point")
    solution = maybe_text(row, "canonical_solution")
    if "check" not in text_in(row, "test"):
        raise ValueError("test is to define check(candidate), which no program passes otherwise")
    return Exercise(
        text=f"Complete this Python function:\n\n```python\n{prompt.strip()}\n```",
        function=entry,
        asserts=Asserts(tests=(text_in(row, "test"),), setup=head_of(prompt), entry=entry),
        reference=prompt + solution if solution else "",
        begins=prompt,
    )


def head_of(prompt: str) -> str:
    """The helpers that a prompt brings: a test takes these, whatever a program calls so."""
    return prompt.rstrip() + "\n    pass\n" if prompt.strip() else ""


def mbpp(row: Row) -> Exercise:
    tests = row["test_list"]
    if not isinstance(tests, list) or not all(isinstance(one, str) for one in tests):
        raise ValueError("test_list is to be a list of asserts")
    imports = row.get("test_imports")
    first = imports if isinstance(imports, list) else [maybe_text(row, "test_imports")]
    lines = [*first, maybe_text(row, "test_setup_code")]
    reference = maybe_text(row, "code")
    return Exercise(
        text=text_in(row, "text", "prompt"),
        asserts=Asserts(tests=tuple(tests), setup="\n".join(lines), reference=reference),
        reference=reference,
        shown=f"Your code should pass this test:\n{tests[0]}" if tests else "",
    )


FORMS: dict[tuple[str, ...], Callable[[Row], Exercise]] = {
    ("question_content",): exercise_of_livecodebench,
    ("prompt", "entry_point", "test"): human_eval,
    ("test_list",): mbpp,
    ("prompt", "tests"): plain,
}
