"""The process that may be stopped: it asks math-verify, and what it asks is bounded by the work it costs.

    straw  -- a line of JSON -->  this process  -- the same line -->  its child, which parses and compares
                                  waits, or kills

This program is run as a file of its own and imports nothing of straw. It reads math-verify once and forks, which costs
no second import; the child does all the work. A child that has worked for a second ends itself by the kernel's clock of
its own work, and only that is a verdict: a busy machine makes an answer late and never wrong. One that is slow to
answer is looked at, and straw is told that it works. One that stands still, or was killed from outside, is replaced and
its replacement asked; where that is lost too, this process ends and straw says so. When straw goes, however it goes,
the input ends, and so does this.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

WORK_S = 1.0  # of its own, for one question
LOOK_S, STILL_LOOKS = 1.0, 10  # so many looks in a row that find no work, and it stands still
MEMORY = 4 << 30
LETTERS = "ABCDEFGHIJ"
STOPPED, WORKING = b'{"stopped":true}\n', b'{"working":true}\n'


class LostError(Exception):
    """No answer, and not by the question's own doing."""


class Child:
    """A fork that answers lines until one takes too much work."""

    def __init__(self) -> None:
        ask_read, self.ask = os.pipe()
        self.said, said_write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(self.ask)
                os.close(self.said)
                work(ask_read, said_write)
            finally:  # whatever happened, a fork never goes on with what its parent was doing
                os._exit(1)
        os.close(ask_read)
        os.close(said_write)

    def answer(self, line: bytes) -> bytes:
        """What it says, or that its clock stopped it."""
        with suppress(BrokenPipeError):
            os.write(self.ask, line)
        heard, worked, still = b"", -1, 0
        while not heard.endswith(b"\n"):
            if self._speaks():
                piece = os.read(self.said, 1 << 16)
                if not piece:
                    return self._its_end()
                heard += piece
                continue
            before, worked = worked, work_of(self.pid)
            still = still + 1 if worked == before else 0
            if still == STILL_LOOKS:
                raise LostError
            say(WORKING)
        return heard

    def end(self) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.ask)
        os.close(self.said)

    def _speaks(self) -> bool:
        poll = select.poll()
        poll.register(self.said, select.POLLIN)
        return bool(poll.poll(LOOK_S * 1000))

    def _its_end(self) -> bytes:
        """Its clock and a crash are the question's doing; a kill is somebody else's."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGTERM):
            raise LostError
        return STOPPED


def work_of(pid: int) -> int:
    """Grows while a process computes or waits for a processor; where the system does not tell, with time."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
        return int(ran) + int(waited)
    except (OSError, ValueError):
        return time.monotonic_ns()


def main() -> None:
    try:
        judged({"ask": "same", "text": "$1$", "gold": "1"})  # imports and compiles, before any fork
    except ImportError as error:
        say(json.dumps({"missing": str(error)}).encode() + b"\n")
        return
    say(b'{"ready":true}\n')
    children = Children()
    for line in sys.stdin.buffer:
        try:
            answer = children.answer(line)
        except LostError:
            break
        say(answer)
    children.end()


class Children:
    """One child at a time."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def answer(self, line: bytes) -> bytes:
        try:
            return self._answer(line)
        except LostError:
            return self._answer(line)

    def end(self) -> None:
        if self._child:
            self._child.end()
        self._child = None

    def _answer(self, line: bytes) -> bytes:
        answer = STOPPED
        self._child = self._child or Child()
        try:
            answer = self._child.answer(line)
        finally:
            if answer == STOPPED:
                self.end()
        return answer


def say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def work(ask: int, said: int) -> None:
    """The child's life: it ends with its parent, or by its clock."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(ask, "rb") as lines:
        for line in lines:
            signal.setitimer(signal.ITIMER_PROF, WORK_S)
            try:
                answer = judged(json.loads(line))
            except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError):
                answer = {"refused": True}  # math-verify found no way through; its own kinds of error are among these
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.write(said, json.dumps(answer).encode() + b"\n")
    os._exit(0)


def judged(question: dict[str, Any]) -> dict[str, Any]:
    text = question["text"]
    if question["ask"] == "said":
        found = [one for one in read(text) if isinstance(one, str)]
        return {"said": found[0].strip(" .\n") if found else None}
    gold = question["gold"]
    if question["ask"] == "formula":  # nothing but LaTeX: where that fails, a number that stands in it is no answer
        return {"right": is_same(read_formula(text), read_formula(gold))}
    return {"right": is_same(read(text, gold), read_gold(gold))}


def is_same(found: list[Any], targets: list[Any]) -> bool:
    from math_verify import verify

    answers = [one for one in found if not contradicts(one)]
    return bool(answers) and verify(targets, [counted(one, targets) for one in answers], timeout_seconds=None)


def contradicts(answer: Any) -> bool:
    """17 = 18 is no answer, though math-verify takes the last side of any equation for one."""
    from math_verify import verify
    from sympy import Basic

    values = [side for side in sides(answer) if isinstance(side, Basic) and not side.free_symbols]
    return any(not verify(values[-1], one, timeout_seconds=None) for one in values[:-1])


def sides(answer: Any) -> Iterator[Any]:
    """Of an equation, or of several in a chain."""
    from sympy import Eq

    if isinstance(answer, Eq):
        yield from answer.args
    elif type(answer).__name__ == "And":
        for one in getattr(answer, "_unsorted_args", answer.args):
            yield from sides(one)


def counted(answer: Any, targets: list[Any]) -> Any:
    """50% is 50, and a half where the gold is a share or says per cent itself; 1800% is never 18."""
    from sympy import Mul, Rational, UnevaluatedExpr

    per_cent = UnevaluatedExpr(Rational(1, 100))

    def is_percentage(one: Any) -> bool:
        return isinstance(one, Mul) and len(one.args) == 2 and one.args[1] == per_cent

    if not is_percentage(answer) or any(is_percentage(one) or is_share(one) for one in targets):
        return answer
    return answer.args[0]


def is_share(target: Any) -> bool:
    return getattr(target, "is_number", False) and target.is_real is True and 0 < abs(target) < 1


def read_gold(gold: str) -> list[Any]:
    """A gold answer is LaTeX; one capital letter may be a choice too."""
    return [*read(in_dollars(gold)), *(read(gold, gold) if is_letter(gold) else [])]


def in_dollars(text: str) -> str:
    has_its_own = any(mark in text.replace("\\$", "") for mark in ("$", "\\(", "\\[", "\\boxed"))
    return text if has_its_own else f"${text}$"


def is_letter(gold: str) -> bool:
    return len(gold) == 1 and gold in LETTERS


def read(text: str, gold: str = "") -> list[Any]:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse

    ways: list[Any] = [LatexExtractionConfig(), ExprExtractionConfig()]
    if is_letter(gold):
        ways.append(StringExtractionConfig(strings=tuple(LETTERS)))
    return list(parse(text, ways, parsing_timeout=None))


def read_formula(text: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    return list(parse(in_dollars(text), [LatexExtractionConfig()], parsing_timeout=None))


if __name__ == "__main__":
    main()
