"""A model's program, asked for values. What is right never goes in; what comes out is compared here.

    outputs("print(int(input()) ** 2)", [Script("3")], limits)   ->  [Said("exited", 0, "9\\n")]
    outputs("f = lambda x: x * x", [Call("f", (3,))], limits)    ->  [Said("value", 0, "9")]
    verdicts("f = abs", Asserts(tests=("assert f(-2) == 2",)), limits)  ->  [Verdict(passed=True)]

All tests of a program share one sandbox, and each meets the program in a process that has just begun. Asserts that are
programs themselves know what is right, so they run in a second sandbox and ask the first for values (`inside/judge`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from straw.errors import StrawError
from straw.files import MIB
from straw.sandbox.bubblewrap import begun
from straw.sandbox.ends import Ends, Talk
from straw.sandbox.inside.values import spelled
from straw.sandbox.inside.wire import frame
from straw.sandbox.limits import SLACK_S, Limits
from straw.sandbox.spent import Spent

MOST_HEARD = 64 * MIB  # of all that a program says to all questions


@dataclass(frozen=True, slots=True)
class Script:
    """Runs the program with this on its standard input."""

    stdin: str


@dataclass(frozen=True, slots=True)
class Call:
    """Calls a function of the program, or a method of its class Solution, with plain data."""

    function: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asserts:
    """Programs that ask the program: with `entry`, each is a `check(candidate)` for this function of it."""

    tests: tuple[str, ...]
    setup: str = ""
    entry: str = ""
    reference: str = ""  # its functions are asked for, even where they have a builtin's name


@dataclass(frozen=True, slots=True)
class Said:
    """How one question to the program ended: "exited", "value", "time" or "output"."""

    end: str
    code: int
    out: str

    @property
    def value(self) -> Any:
        """Of a call, as `values.same` reads it; LookupError where there is none."""
        try:
            said = json.loads(self.out) if self.end == "value" else None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise LookupError("the program gave no value")
        return said["value"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a test passed, and otherwise why not."""

    passed: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Prelude:
    """What a program finds there before its first line; `imports` are imported once for all tests."""

    source: str = ""
    imports: str = ""  # names with blanks between them


Found = TypeVar("Found")
SPENT = Spent()
NOTHING = Said("time", 0, "")
LATE = Verdict(False, "time")


def outputs(
    program: str, questions: Sequence[Script | Call], limits: Limits, prelude: Prelude | None = None,
    total_s: float = 60.0,
) -> list[Said]:  # fmt: skip
    """What the program says to each question; those that were not reached within `total_s` it says nothing to."""
    return twice(lambda: asked_once(program, questions, limits, prelude, total_s))


def asked_once(
    program: str, questions: Sequence[Script | Call], limits: Limits, prelude: Prelude | None, total_s: float
) -> list[Said]:
    told = b"".join([program_frames(program, limits, prelude), *map(question_frames, questions)])
    with Ends() as ends:
        (stdin, into), (out, stdout) = ends.pipe(), ends.pipe()
        talk = Talk(ends, {into: told}, {out: min(MOST_HEARD, (limits.output + 100) * (1 + len(questions)))})
        sandbox = begun("programs", [], limits, stdin=stdin, stdout=stdout)
        ends.close(stdin, stdout)
        try:
            talk.until(SLACK_S, once_heard=total_s)
        finally:
            sandbox.end()
    found = [Said(words[0], int(words[1]), text) for words, text in heard_frames(talk.said(out))]
    check_ready(found and found.pop(0).end == "ready")
    return found + [NOTHING] * (len(questions) - len(found))


def verdicts(
    program: str, tests: Asserts, limits: Limits, prelude: Prelude | None = None, total_s: float = 60.0
) -> list[Verdict]:
    """Whether the program passes each of the tests."""
    return twice(lambda: judged_once(program, tests, limits, prelude, total_s))


def judged_once(program: str, tests: Asserts, limits: Limits, prelude: Prelude | None, total_s: float) -> list[Verdict]:
    told = frame("told", program_frames(program, limits, prelude))
    with Ends() as ends:
        (stdin, ask), (answer, stdout), (judge_in, into), (out, judge_out) = (ends.pipe() for _ in range(4))
        talk = Talk(ends, {into: told + test_frames(tests, limits, total_s)}, {out: 1000 * (1 + len(tests.tests))})
        with ExitStack() as running:
            running.callback(begun("programs", [], limits, stdin=stdin, stdout=stdout).end)
            words = [str(ask), str(answer)]
            judge = begun("judge", words, limits, stdin=judge_in, stdout=judge_out, descriptors=(ask, answer))
            running.callback(judge.end)
            ends.close(stdin, stdout, ask, answer, judge_in, judge_out)
            talk.until(SLACK_S, once_heard=total_s)
    lines = talk.said(out).split(b"\n")[:-1]  # whole ones
    check_ready(lines and lines.pop(0) == b"ready")
    found = [Verdict(line == b"1", line[2:].decode(errors="replace")) for line in lines]
    return found + [LATE] * (len(tests.tests) - len(found))


def twice(ask: Callable[[], list[Found]]) -> list[Found]:
    """A sandbox that is lost on a busy machine is begun once more."""
    with SPENT:
        return asked_twice(ask)


def asked_twice(ask: Callable[[], list[Found]]) -> list[Found]:
    try:
        return ask()
    except StrawError:
        return ask()


def check_ready(is_ready: object) -> None:
    """A sandbox that never began is no verdict on a program."""
    if not is_ready:
        raise StrawError(
            f"a sandbox did not begin within {SLACK_S:g} s, or was lost: is there memory for it? straw doctor says "
            "whether programs can be run here"
        )


def program_frames(program: str, limits: Limits, prelude: Prelude | None) -> bytes:
    found = prelude or Prelude()
    said = {"limits": limits.inside, "imports": found.imports, "prelude": found.source, "program": program}
    return b"".join(frame(word, text.encode(errors="surrogatepass")) for word, text in said.items())


def question_frames(question: Script | Call) -> bytes:
    if isinstance(question, Script):
        return frame("script", question.stdin.encode(errors="surrogatepass"))
    call = f"[{spelled(question.function)}, {spelled(list(question.args))}, {spelled({})}]"
    return frame("fresh") + frame("call", call.encode(errors="surrogatepass"))


def test_frames(tests: Asserts, limits: Limits, total_s: float) -> bytes:
    """The judge's own limits come first; it may work as long as all of it takes."""
    its_limits = replace(limits, cpu_s=int(total_s) + 1).inside
    said = {"limits": its_limits, "setup": tests.setup, "entry": tests.entry, "reference": tests.reference}
    told = [frame(word, text.encode(errors="surrogatepass")) for word, text in said.items()]
    return b"".join([*told, *(frame("test", test.encode(errors="surrogatepass")) for test in tests.tests)])


def heard_frames(heard: bytes) -> Iterator[tuple[list[str], str]]:
    """Whole ones, which the harness wrote."""
    while b"\n" in heard:
        head, _, heard = heard.partition(b"\n")
        *words, size = head.decode().split()
        if len(heard) < int(size):
            return
        yield words, heard[: int(size)].decode(errors="replace")
        heard = heard[int(size) :]
