"""The process that may be stopped: it asks math-verify, and never takes longer than it was given.

    straw  -- a line of JSON -->  this process  -- the same line -->  its child, which parses and compares
                                  waits, or kills

This program is run as a file of its own and imports nothing of straw. It reads math-verify once and forks; the child
does all the work. A child that has worked for a second ends itself by the kernel's clock of its own work, which a busy
machine does not hurry; one that has not answered for three is killed. The next costs a fork and no import. When
straw goes, however it goes, the input ends, and so does this.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

WORK_S, WAIT_S = 1.0, 3.0
MEMORY = 4 << 30
LETTERS = "ABCDEFGHIJ"
NUMBER, COMMAND, WORD = re.compile(r"-?[0-9.,]+"), re.compile(r"\\[A-Za-z]+"), re.compile(r"[A-Za-z]{3}")


class Child:
    """A fork that answers lines until one takes too long."""

    def __init__(self) -> None:
        ask_read, self.ask = os.pipe()
        self.said, said_write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self.ask)
            os.close(self.said)
            work(ask_read, said_write)
        os.close(ask_read)
        os.close(said_write)

    def answer(self, line: bytes) -> bytes | None:
        """None when the child is no more."""
        try:
            os.write(self.ask, line)
        except BrokenPipeError:
            return None
        until, heard = time.monotonic() + WAIT_S, b""
        poll = select.poll()
        poll.register(self.said, select.POLLIN)
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            piece = os.read(self.said, 1 << 16)
            heard += piece
            if heard.endswith(b"\n"):
                return heard
            if not piece:
                return None
        return None

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.ask)
        os.close(self.said)


def main() -> None:
    try:
        judged({"ask": "same", "text": "$1$", "gold": "1", "tagged": True})  # imports and compiles, before any fork
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    child = None
    for line in sys.stdin.buffer:
        child = child or Child()
        said = child.answer(line)
        if said is None:
            child.end()
            child = None
        sys.stdout.buffer.write(said or b'{"stopped":true}\n')
        sys.stdout.buffer.flush()
    if child:
        child.end()


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
    if question["ask"] == "said":
        found = [one for one in read(question["text"]) if isinstance(one, str)]
        return {"said": found[0].strip(" .\n") if found else None}
    return {"right": is_same(question["text"], question["gold"], question["tagged"])}


def is_same(text: str, gold: str, is_tagged: bool) -> bool:
    """Whether the answer has the gold value; what stands in a tag may be LaTeX without dollars."""
    from math_verify import verify

    found = readings(text, gold) if is_tagged else [read(text, gold)]
    targets = read_gold(gold)
    return any(verify(targets, one, timeout_seconds=None) for one in found if one)


def readings(text: str, gold: str) -> list[list[Any]]:
    """A formula is read as one; a plain number is the only thing to compare a number with; else both may be meant."""
    formula = read(in_dollars(text)) if "\\" in text or not NUMBER.fullmatch(gold) else []
    if formula and "\\" in text and not WORD.search(COMMAND.sub("", text)):
        return [formula]
    bare = read(f"\n{text}\n", gold)
    return [bare, formula] if bare else [formula or read(in_dollars(text))]


def read_gold(gold: str) -> list[Any]:
    """A gold answer is LaTeX more often than not, and a word or letter sometimes."""
    return [*read(in_dollars(gold)), *read(gold, gold)]


def in_dollars(text: str) -> str:
    has_its_own = any(mark in text.replace("\\$", "") for mark in ("$", "\\(", "\\[", "\\boxed"))
    return text if has_its_own else f"${text}$"


def read(text: str, gold: str = "") -> list[Any]:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse

    ways: list[Any] = [LatexExtractionConfig(), ExprExtractionConfig()]
    if len(gold) == 1 and gold in LETTERS:
        ways.append(StringExtractionConfig(strings=tuple(LETTERS)))
    return list(parse(text, ways, parsing_timeout=None))


if __name__ == "__main__":
    main()
