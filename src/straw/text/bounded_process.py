"""A process beside this one for work that may take for ever, or all memory: lines of JSON go in and come out.

    process = Beside(WORKER, purpose="runs math-verify")
    process.answer({"ask": "said", "text": "so it is 18."})      ->  {"said": "18"}

It is begun when it is first asked, and again where it was lost. Any thread may ask; a forked process begins its own.
It may say "working" as often as it likes, and who says nothing for a minute is lost. When straw goes, however it goes,
the input ends, and so does the process.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from straw.errors import StrawError

START_S, SILENT_S, END_S = 120.0, 60.0, 5.0  # of a busy machine; its work has a clock of its own


class Beside:
    """The asking end."""

    def __init__(self, worker: Path, *given: str, purpose: str) -> None:
        self.command, self.purpose = [sys.executable, "-P", str(worker), *given], purpose
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self.forget)

    def greet(self, said: Mapping[str, Any]) -> None:
        """Its first line, which may say what it lacks."""

    def answer(self, question: Mapping[str, object]) -> dict[str, Any] | None:
        """None where it was ended by the clock of its own work; who is lost is asked once more."""
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                answer = ended = None
                try:
                    answer = self._asked(line)
                finally:
                    if answer is None:
                        ended = self._end()  # what nobody waited for must not meet the next question
                if answer is not None or ended == -signal.SIGPROF:
                    return answer
        raise StrawError(
            f"the process that {self.purpose} was lost twice (killed, or stopped): is there memory for it?"
        )

    def close(self) -> None:
        with self._lock:
            self._end()

    def forget(self) -> None:
        """In a forked child: the parent's process is not ours to use or to wait for."""
        if self._process is not None:
            close_pipes(self._process)
            self._process.returncode = 0
        self._lock, self._process = Lock(), None

    def _asked(self, line: bytes) -> dict[str, Any] | None:
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line)
            return self._line(SILENT_S)
        return None

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise StrawError(f"the process that {self.purpose} cannot be started: {error}") from error
        said = self._line(START_S)
        if said is None:
            raise StrawError(f"the process that {self.purpose} ended before it was ready: is there memory for it?")
        self.greet(said)

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

    def _end(self) -> int | None:
        """It ends when its input does; returns how it did."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        close_pipes(process)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return process.returncode


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
