"""Questions to math-verify, answered in bounded time by a process of their own.

    same_value("so it is 1/2.", "0.5")           ->  True
    same_formula("\\\\frac{1}{2}", "0.5")         ->  True
    said_in("so it is 18.")                      ->  "18"

There is one such process in a straw process, started when it is first needed. Any thread may ask; a forked process
starts its own. A question that costs more than a second of work, or that math-verify cannot read, is answered no. A
process that cannot be started, or is lost, is an error and never a verdict: a grader that fails in silence pays
nothing to anyone.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from straw.errors import StrawError

WORKER = Path(__file__).with_name("worker.py")
START_S, SILENT_S, END_S = 120.0, 60.0, 5.0  # the worker speaks every second, whether it has an answer or not


class Judge:
    """The asking end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, **question: object) -> dict[str, Any]:
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                if (answer := self._asked(line)) is not None:
                    return answer  # none: it was killed or stopped from outside, so once more with a new one
            raise StrawError(
                "the process that runs math-verify was lost twice (killed, or stopped): is there memory for it?"
            )

    def close(self) -> None:
        with self._lock:
            self._end()

    def forget(self) -> None:
        """In a forked child: the parent's process is not ours to use or to wait for."""
        if self._process is not None:
            self._close_pipes(self._process)
            self._process.returncode = 0
        self._lock, self._process = Lock(), None

    def _asked(self, line: bytes) -> dict[str, Any] | None:
        """An answer that nobody waited for must not meet the next question, so what is interrupted is ended."""
        answer = None
        try:
            if self._process is None:
                self._start()
            assert self._process is not None and self._process.stdin is not None
            with suppress(BrokenPipeError):
                self._process.stdin.write(line)
                answer = self._line(SILENT_S)
        finally:
            if answer is None:
                self._end()
        return answer

    def _start(self) -> None:
        """The first line says whether math-verify is there."""
        command = [sys.executable, "-P", str(WORKER)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise StrawError(f"math-verify runs in a process of its own, which cannot be started: {error}") from error
        said = self._line(START_S)
        if said is None or "missing" in said:
            reason = said["missing"] if said else "it ended before it was ready"
            raise StrawError(f"this grader needs math-verify ({reason}): pip install math-verify, or grader=exact")

    def _line(self, seconds: float) -> dict[str, Any] | None:
        """The next line that is an answer, or None when nothing is said for so long."""
        assert self._process is not None and self._process.stdout is not None
        descriptor, heard = self._process.stdout.fileno(), b""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while poll.poll(seconds * 1000):
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                return None
            *lines, heard = (heard + piece).split(b"\n")
            for line in lines:
                answer: dict[str, Any] = json.loads(line)
                if "working" not in answer:
                    return answer
        return None

    def _end(self) -> None:
        """The worker ends when its input does."""
        if self._process is None:
            return
        process, self._process = self._process, None
        self._close_pipes(process)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @staticmethod
    def _close_pipes(process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


JUDGE = Judge()
atexit.register(JUDGE.close)
os.register_at_fork(after_in_child=JUDGE.forget)


@lru_cache(maxsize=4096)
def same_value(text: str, gold: str) -> bool:
    """Whether the answer that math-verify finds in a text has the value of the gold one."""
    return JUDGE.ask(ask="same", text=text, gold=gold).get("right") is True


@lru_cache(maxsize=4096)
def same_formula(formula: str, gold: str) -> bool:
    """The same for a text that is an answer and nothing else."""
    return JUDGE.ask(ask="formula", text=formula, gold=gold).get("right") is True


@lru_cache(maxsize=4096)
def said_in(text: str) -> str | None:
    """The answer that math-verify finds in a text."""
    said = JUDGE.ask(ask="said", text=text).get("said")
    return said if isinstance(said, str) and said else None
