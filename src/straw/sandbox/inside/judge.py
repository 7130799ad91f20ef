"""Asserts that are programs themselves (assert f(2) == 4), run in a sandbox of their own, apart from what they test.

    limits, setup, entry, reference, told, test, test, ...     come in; `told` is handed on to the program's sandbox
    1                                                          goes out, one line for each test
    0 AssertionError

The right answers stand in the tests, so the program must not be where they are. A name that a test does not explain
itself stands for a function of the program: calling it sends the arguments over, as plain data, and plain data comes
back. A value that comes back is what it is; it cannot say of itself that it is equal to 4. A test that passes without
one answer from the program, a value or an error, has tested nothing and counts as failed.
"""

from __future__ import annotations

import _ast
import builtins
import os
import sys
from _json import make_scanner

from straw.sandbox.inside.restrict import give_up_root, limit, limits_in, stay_alone
from straw.sandbox.inside.values import WORDS, decode, spelled
from straw.sandbox.inside.wire import ClosedError, Frames, frame, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

BESIDE = 1  # this process
ONLY_READ = 0x400  # compile's word for it
FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef)


class FailedError(Exception):
    """The program gave no value."""


class Json:
    """How the library json reads by itself; all of it would take as long to import as Python takes to begin."""

    strict, object_hook, object_pairs_hook = True, None, None
    parse_float, parse_int, parse_constant = float, int, WORDS.get


read = make_scanner(Json)  # type: ignore[arg-type]  # of a text and a place in it: the value there, and where it ends


class Program:
    """The program, as a test sees it."""

    def __init__(self, ask: int, answer: int) -> None:
        self.ask, self.answer, self.answers = ask, Frames(answer), 0

    def again(self) -> None:
        """The next call meets the program as it is when it has just begun."""
        self.answers = 0
        tell(self.ask, frame("fresh"))

    def function(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            text = f"[{spelled(name)}, {spelled(list(args))}, {spelled(named)}]"
            tell(self.ask, frame("call", text.encode(errors="surrogatepass")))
            (end, _), out = self.answer.next()
            if end != "value":
                raise FailedError(f"{name}: {end}")
            said, _ = read(out.decode(errors="surrogatepass"), 0)
            if "error" in said:
                error = raised(str(said["error"]))
                self.answers += not isinstance(error, FailedError | AttributeError | NameError | SyntaxError)
                raise error
            self.answers += 1
            return decode(said["value"])

        return call


def raised(said: str) -> Exception:
    """The error of the program, as a test may expect it."""
    name, _, message = said.partition(": ")
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, AssertionError | UnicodeError):
        return kind(message)
    return FailedError(said)


def walk(node: Any) -> Iterator[Any]:
    """A syntax tree, node by node."""
    yield node
    for name in node._fields:
        value = getattr(node, name, None)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, _ast.AST):
                yield from walk(one)


def unexplained(source: str) -> set[str]:
    """Names that a test reads and never says itself what they are."""
    nodes = list(walk(compile(source, "test.py", "exec", ONLY_READ, dont_inherit=True)))
    names = [node for node in nodes if isinstance(node, _ast.Name)]
    told = {node.id for node in names if not isinstance(node.ctx, _ast.Load)} | set(dir(builtins))
    told |= {node.name for node in nodes if isinstance(node, FUNCTIONS)}
    told |= {node.arg for node in nodes if isinstance(node, _ast.arg)}
    told |= {(node.asname or node.name).partition(".")[0] for node in nodes if isinstance(node, _ast.alias)}
    return {node.id for node in names} - told


def defined(source: str) -> set[str]:
    """Functions and classes that a reference program has."""
    tree = compile(source, "reference.py", "exec", ONLY_READ, dont_inherit=True)
    return {node.name for node in tree.body if isinstance(node, FUNCTIONS)}


def judged(asked: dict[str, str], test: str, program: Program) -> str:
    """One test in a space of its own; helpers of the setup are the test's, whatever the program calls so."""
    entry = asked["entry"]
    program.again()
    try:
        space: dict[str, Any] = {"__name__": "tests"}
        run(asked["setup"], space)
        asking = {entry} if entry else (unexplained(test) - {*space}) | defined(asked["reference"])
        space |= {name: program.function(name) for name in asking}
        run(f"{test}\ncheck({entry})" if entry else test, space)
    except BaseException as error:
        return f"0 {type(error).__name__}: {error}"
    return "1" if program.answers else "0 it never asked the program"


def run(source: str, space: dict[str, Any]) -> None:
    exec(compile(source, "test.py", "exec", dont_inherit=True), space)


def main() -> None:
    ask, answer = int(sys.argv[1]), int(sys.argv[2])
    verdicts, commands = os.dup(1), Frames(os.dup(0))
    nothing = os.open("/dev/null", os.O_RDWR)
    for end in (0, 1, 2):
        os.dup2(nothing, end)
    give_up_root()
    asked, program = {"setup": "", "entry": "", "reference": ""}, Program(ask, answer)
    try:
        program.answer.next()  # its first word is that it is there
        tell(verdicts, b"ready\n")
        while True:
            (word,), content = commands.next()
            if word == "told":
                tell(ask, content)
            elif word == "test":
                verdict = judged(asked, content.decode(), program)
                tell(verdicts, " ".join(verdict[:300].split()).encode(errors="replace") + b"\n")
            else:
                asked[word] = content.decode()
            if word == "limits":
                limits = limits_in(asked[word])
                limit(limits, tasks=BESIDE + int(limits["threads"]))
                stay_alone(limits)
    except (ClosedError, BrokenPipeError):
        os._exit(0)
