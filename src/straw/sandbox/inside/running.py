"""What a fork of the harness does: it runs the program, as a script or behind calls. Nothing here is trusted.

The program shares this process and can change all of it: print, the values, the frames below its own. So nothing that
is decided here counts. A script's output and a call's value leave as text, and are compared where the program is not.
"""

from __future__ import annotations

import builtins
import os
import sys

from straw.sandbox.inside.restrict import limit, stay_alone
from straw.sandbox.inside.values import spelled, trusted
from straw.sandbox.inside.wire import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

BESIDE = 2  # the harness and this one
MOST_SAID = 300  # characters of an error


def run_script(asked: dict[str, str], limits: dict[str, str], stdin: str, answers: int) -> None:
    """As `python program.py` does it; the process ends here."""
    os.dup2(os.open(stdin, os.O_RDONLY), 0)
    os.dup2(answers, 1)
    alone(limits, kept=())
    code = 0
    try:
        load(asked, module_named("__main__"))
    except SystemExit as left:
        code = 0 if left.code is None else left.code if isinstance(left.code, int) else 1
    except BaseException:
        code = 1
    leave(code)


def leave(code: int) -> None:
    """Threads are awaited and what is left to do is done, as when an interpreter ends; only nothing is tidied up."""
    try:
        for module, last in (("threading", "_shutdown"), ("atexit", "_run_exitfuncs")):
            if module in sys.modules:
                getattr(sys.modules[module], last)()
        for stream in (sys.stdout, sys.__stdout__):
            if stream is not None:
                stream.flush()
    except BaseException:
        code = code or 1
    os._exit(code & 0xFF)


def run_calls(asked: dict[str, str], limits: dict[str, str], questions: int, answers: int) -> None:
    """Loads the program once and answers one call a line, until there are no more; the process ends here."""
    alone(limits, kept=(questions, answers))
    fault, module = "", module_named("program")
    try:
        load(asked, module)
    except BaseException as error:
        fault = said(error)
    with open(questions, encoding="utf-8", errors="surrogatepass") as lines:
        for line in lines:
            reply = f'{{"error": {spelled(fault)}}}' if fault else answered(module, line)
            tell(answers, reply.encode(errors="surrogatepass") + b"\n")
    os._exit(0)


def alone(limits: dict[str, str], kept: tuple[int, ...]) -> None:
    low = 3
    for end in (*sorted(kept), 256):
        os.closerange(low, end)
        low = end + 1
    os.setsid()
    limit(limits, tasks=BESIDE + int(limits["threads"]))
    stay_alone(limits)


def module_named(name: str) -> ModuleType:
    sys.modules[name] = module = type(os)(name)
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]  # which the module site would do
    return module


def load(asked: dict[str, str], module: ModuleType) -> None:
    if prelude := asked.get("prelude"):
        exec(compile(prelude, "prelude.py", "exec", dont_inherit=True), module.__dict__)
    exec(compile(asked["program"], "program.py", "exec", dont_inherit=True), module.__dict__)


def answered(module: ModuleType, call: str) -> str:
    """["f", [arguments], {names: arguments}]  ->  {"value": ...}"""
    try:
        name, args, named = trusted(call)
        return f'{{"value": {spelled(found(module, name)(*args, **named))}}}'
    except BaseException as error:
        return f'{{"error": {spelled(said(error))}}}'


def found(module: ModuleType, name: str) -> Any:
    """A method of a class Solution, as LeetCode has it, or what the program calls so."""
    solution = getattr(module, "Solution", None)
    return getattr(solution(), name) if hasattr(solution, name) else getattr(module, name)  # type: ignore[misc]


def said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MOST_SAID]
