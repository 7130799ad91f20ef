"""No text costs more than its length: every pattern and every function of text, on strings that were made to hurt.

A model writes what it likes, and so does whoever hands over data, a page or a run folder. What grows with the square of
a text takes a hundred times as long for ten times as much, and is caught long before it takes minutes.
"""

from __future__ import annotations

import ast
import gc
import importlib
import inspect
import pkgutil
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.small_runs import small_plan

import straw.types
from straw.config.values import read_number, read_text, read_texts, read_truth, read_whole
from straw.errors import StrawError
from straw.tasks.prompting.prompt_formats import FORMS
from straw.text.graders import GRADERS
from straw.text.graders.judge import JUDGE
from straw.types import End

HOUSE = Path(straw.types.__file__).parent
LITTLE, SOME, LIMIT_S, CLOCK_S = 1_000, 10_000, 1.0, 0.1  # some systems count all work in hundredths of a second
LARGE = [SOME, pytest.param(100_000, marks=pytest.mark.slow)]
UNITS = (
    ".", "1", "a", " ", "\n", "\t", "(", "<", '"', "\\", "$", ",", "=", "^", "-", "é", "\u202e", "1.", ".0", "1,",
    "1,000", "a. ", "Mr. ", '."', "1 ", "=1", "\n ", "((", "<<", "<<1", "<reasoning>", "</reasoning>", "<answer>",
    "<answer>1", "[ANSWER] ", "[ANSWER]", "answer is ", "\\text{", "\\mbox{", "\\frac{", "\\frac{1}", "\\sqrt",
    "\\boxed{", "boxed", "he answer is ", "final answer is $", "$. I hope", "**9", "1^1", "hundred ", "billion ",
    "five-", "kg ", "####", "1..", "e9", "a/", "^(", "^a.", '{"a":', '"step":1,"problem":"', "1K", "0-", "\x1b[", "x=",
    "7!", "18 or ", "cuda:1", "A, ", "``` ", "```\n", '\\"', "<tool_call>", "add(",
)  # fmt: skip
ASKED = ("sum_digits", "reverse_digits", "countdown")  # tasks that need neither data nor another library
ENDS = ("", "x", "1", "}", " ", "\n", ">", '"', "$", ".")


def hostile(size: int) -> Iterator[str]:
    """Each unit again and again, with an end that does not fit; and some drawn from all units."""
    for place, unit in enumerate(UNITS):
        yield (unit * (size // len(unit)))[: size - 1] + ENDS[place % len(ENDS)]
    random = Random(0)
    for few in (2, 3, 5):
        units = [random.sample(UNITS, few) for _ in range(4)]
        yield from ("".join(random.choices(some, k=size))[:size] for some in units)


def work_s(call: Callable[[str], object], text: str) -> float:
    """Of work, not of waiting; a pattern that goes back and forth for ever is interrupted."""

    def stop(*_: object) -> None:
        raise AssertionError(f"{len(text):,} characters of {text[:24]!r} took more than {LIMIT_S} s of work")

    before = signal.signal(signal.SIGPROF, stop)
    gc.disable()  # what lies about in this process is not the text's fault
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    began = time.thread_time()  # a process counts its work in hundredths of a second while a timer of its work is set
    try:
        call(text)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        gc.enable()
    return time.thread_time() - began


def endure(call: Callable[[str], object], large: int) -> None:
    """Of a thousand characters, and of many more: at most a second, and not more than in proportion, give or take."""
    with suppress(StrawError, ValueError):
        call("")  # what a function loads at its first call is no text's fault, and to be interrupted would harm it
    texts = list(zip(hostile(LITTLE), hostile(large), strict=True))
    for little, much in texts if large > SOME else texts[::3]:
        allowed_s = 4 * work_s(call, little) * large / LITTLE + CLOCK_S
        spent_s = work_s(call, much)
        for _ in range(3):  # something else may have been in the way
            spent_s = min(spent_s, work_s(call, much)) if spent_s > allowed_s else spent_s
        assert spent_s <= allowed_s, f"{large:,} characters of {much[:24]!r}: {spent_s:.3f} s"


# --- patterns


def modules() -> list[str]:
    return sorted(one.name for one in pkgutil.walk_packages([str(HOUSE)], "straw.") if "__main__" not in one.name)


METHODS = ("sub", "search", "match", "fullmatch", "findall", "finditer", "split")
SOURCES = {path: path.read_text() for path in HOUSE.rglob("*.py")}


def patterns() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Each with a way in which it is used: one that is only ever held against a whole text has no other start."""
    for name in modules():
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        source = SOURCES[Path(spec.origin)]
        if "re." not in source or "from monarch" in source:  # whose threads would stand before the wall, see `wall`
            continue
        for key, value in vars(importlib.import_module(name)).items():
            if isinstance(value, re.Pattern):
                used = [way for way in METHODS if re.search(rf"\b{key}\.{way}\b", source)]
                yield from ((f"{name[6:]} {key}", value, way) for way in used or METHODS)
        for node in ast.walk(ast.parse(source)):
            call = ast.unparse(node.func).split(".") if isinstance(node, ast.Call) else []
            if call[:1] == ["re"] and call[-1] in METHODS and isinstance(node.args[0], ast.Constant):
                yield f"{name[6:]} line {node.lineno}", re.compile(node.args[0].value), call[-1]


PATTERNS = {f"{name} {way}": (pattern, way) for name, pattern, way in patterns()}


def use(pattern: re.Pattern[Any], way: str, text: str) -> None:
    subject = text.encode() if isinstance(pattern.pattern, bytes) else text
    found = pattern.sub(subject[:0], subject) if way == "sub" else getattr(pattern, way)(subject)
    if way == "finditer":
        assert all(found)


def test_there_are_patterns_to_be_tried() -> None:
    assert len(PATTERNS) > 40 and "text.reading.sentences END finditer" in PATTERNS
    assert any(" line " in name for name in PATTERNS)


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_time_in_proportion(name: Any, large: Any) -> None:
    endure(partial(use, *PATTERNS[name]), large)


@pytest.mark.parametrize("pattern", [r"([0-9]+)\.0*([^0-9])", r"[.!?]+[\"')\]]*(?=\s)", r"(a|a)*$"])
def test_a_pattern_that_goes_back_and_forth_is_caught(pattern: str) -> None:
    with pytest.raises(AssertionError, match="characters of"):
        endure(partial(use, re.compile(pattern), "sub"), 3 * SOME)


# --- functions


def takes_text(function: Callable[..., object]) -> bool:
    """Whether all that it needs are texts."""
    needed = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    return bool(needed) and all(one.annotation in ("str", str) for one in needed)


def with_texts(function: Callable[..., object], text: str) -> None:
    """In every place, beside itself and beside something short; what a person can mend may be said."""
    count = sum(one.default is one.empty for one in inspect.signature(function).parameters.values())
    for words in {
        (text,) * count,
        *(("18",) * place + (text,) + ("18",) * (count - place - 1) for place in range(count)),
    }:
        with suppress(StrawError, ValueError):
            function(*words)


def functions() -> dict[str, Callable[[str], object]]:
    found: dict[str, Callable[[str], object]] = {}
    for name in modules():
        if not name.startswith(("straw.text.", "straw.tasks.", "straw.rewards.")) or name.endswith("worker"):
            continue
        module = importlib.import_module(name)
        for key, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == name and takes_text(function):
                found[f"{name[6:]} {key}"] = partial(with_texts, function)
    return found


INSTALLED = ("gym.library", "environments.own_python", "openenv.host")  # names of code that is there, not texts
SAID = ("openenv.sessions answered",)  # what is no answer is an error that its callers know
FUNCTIONS = {name: call for name, call in functions().items() if not any(one in name for one in (*INSTALLED, *SAID))}


@pytest.fixture(autouse=True)
def nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """math-verify works in a process of its own, by a clock of its own."""
    monkeypatch.setattr(JUDGE, "ask", lambda **question: {})


def test_there_are_functions_to_be_tried() -> None:
    assert len(FUNCTIONS) > 30 and {"text.reading.sentences sentences", "text.graders.tidy tidied"} <= FUNCTIONS.keys()


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_text_takes_time_in_proportion(name: Any, large: Any) -> None:
    endure(FUNCTIONS[name], large)


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("name", GRADERS)
def test_a_grader_reads_any_reply_and_any_gold(name: Any, large: Any) -> None:
    grader = GRADERS[name]
    endure(lambda text: (grader.judge(text, "18"), grader.judge("18", text)), large)


@pytest.mark.parametrize("words", ["", "length=3", "env_type=multi_step", *(f"kind={kind}" for kind in ASKED)])
@pytest.mark.parametrize("large", LARGE)
def test_a_task_grades_any_reply(words: Any, large: Any) -> None:
    task = small_plan(words).task
    problem = task.problem(0)
    endure(lambda text: task.grade(problem, [text] * task.max_turns, End.ANSWERED), large)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_reads_any_reply(form: Any) -> None:
    endure(FORMS[form].read, SOME)


@pytest.mark.parametrize("read", [read_whole, read_number, read_truth, read_text, read_texts])
def test_an_option_is_read_or_refused_whatever_is_written(read: Any) -> None:
    endure(partial(with_texts, lambda given: read(given)), SOME)
