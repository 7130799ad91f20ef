"""The asking end of a process beside this one, with pretended processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from straw.errors import StrawError
from straw.text import bounded_process
from straw.text.bounded_process import Beside, close_pipes


class Scripted(Beside):
    """Each try gives an answer or none, and the process then ended in some way."""

    def __init__(self, answers: list[dict[str, Any] | None], ends: list[int | None]) -> None:
        super().__init__(Path("pretended.py"), purpose="pretends")
        self.answers, self.ends, self.asked = answers, ends, list[bytes]()

    def _asked(self, line: bytes) -> dict[str, Any] | None:
        self.asked.append(line)
        return self.answers.pop(0)

    def _end(self) -> int | None:
        return self.ends.pop(0) if self.ends else None


def test_a_process_has_two_minutes_to_begin_a_minute_to_speak_and_five_seconds_to_end() -> None:
    assert (bounded_process.START_S, bounded_process.SILENT_S, bounded_process.END_S) == (120.0, 60.0, 5.0)


def test_a_question_is_one_line_and_its_answer_ends_nothing() -> None:
    asking = Scripted([{"right": True}], [-signal.SIGPROF])
    assert asking.answer({"ask": "x\n"}) == {"right": True}
    assert asking.asked == [b'{"ask": "x\\n"}\n'] and asking.ends == [-signal.SIGPROF]


@pytest.mark.parametrize("end", [-signal.SIGKILL, int(signal.SIGPROF), 0, None])
def test_a_question_that_was_lost_is_asked_once_more(end: int | None) -> None:
    asking = Scripted([None, {"right": True}], [end])
    assert asking.answer({}) == {"right": True} and len(asking.asked) == 2


def test_a_process_that_its_own_clock_ended_is_an_answer() -> None:
    asking = Scripted([None, {"right": True}], [-signal.SIGPROF])
    assert asking.answer({}) is None and len(asking.asked) == 1


def test_a_question_that_was_lost_twice_is_an_error() -> None:
    asking = Scripted([None, None, {"right": True}], [-signal.SIGKILL, -signal.SIGTERM])
    with pytest.raises(StrawError, match=r"the process that pretends was lost twice \(killed, or stopped\)"):
        asking.answer({})
    assert len(asking.asked) == 2


def test_lines_are_put_together_and_those_that_say_working_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, waited = [b'{"working": true}\n{"ri', b'ght"', b': true}\n{"working"'], list[Any]()

    class Poll:
        def register(self, *given: int) -> None:
            waited.append(given)

        def poll(self, milliseconds: float) -> bool:
            waited.append(milliseconds)
            return bool(pieces)

    asking = Beside(Path("pretended.py"), purpose="pretends")
    asking._process = SimpleNamespace(stdout=SimpleNamespace(fileno=lambda: 77), stdin=None)  # type: ignore[assignment]
    monkeypatch.setattr(bounded_process.select, "poll", Poll)
    monkeypatch.setattr(os, "read", lambda descriptor, most: pieces.pop(0))
    assert asking._line(1.5) == {"right": True}
    assert waited == [(77, bounded_process.select.POLLIN), 1500.0, 1500.0, 1500.0]
    assert asking._line(1.5) is None  # nothing is said for so long
    pieces.append(b"")
    assert asking._line(1.5) is None  # it has gone
    asking._process = None


def test_a_process_is_begun_in_a_session_of_its_own_and_its_first_line_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[Any, dict[str, Any]]] = []
    greeted: list[Any] = []

    def popen(command: list[str], **how: Any) -> SimpleNamespace:
        begun.append((command, how))
        return SimpleNamespace(stdin=None, stdout=None)

    asking = Beside(Path("pretended.py"), "7", purpose="pretends")
    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(asking, "_line", lambda seconds: {"waited": seconds})
    monkeypatch.setattr(asking, "greet", greeted.append)
    asking._start()
    pipe = subprocess.PIPE
    assert begun == [
        ([sys.executable, "-P", "pretended.py", "7"],
         {"stdin": pipe, "stdout": pipe, "stderr": subprocess.DEVNULL, "start_new_session": True, "bufsize": 0})
    ]  # fmt: skip
    assert greeted == [{"waited": 120.0}]
    monkeypatch.setattr(asking, "_line", lambda seconds: None)
    with pytest.raises(StrawError, match="the process that pretends ended before it was ready"):
        asking._start()
    asking._process = None


def test_a_process_that_cannot_be_started_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Beside(Path("pretended.py"), purpose="pretends")
    asking.command = ["/nowhere/python"]
    with pytest.raises(StrawError, match=r"the process that pretends cannot be started: .*No such file"):
        asking._start()


def test_a_process_is_begun_once_and_one_that_does_not_listen_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, heard, begun = Beside(Path("pretended.py"), purpose="pretends"), list[bytes](), list[int]()

    def start() -> None:
        begun.append(1)
        asking._process = SimpleNamespace(stdin=SimpleNamespace(write=heard.append))  # type: ignore[assignment]

    monkeypatch.setattr(asking, "_start", start)
    monkeypatch.setattr(asking, "_line", lambda seconds: {"waited": seconds})
    assert asking._asked(b"1\n") == asking._asked(b"2\n") == {"waited": 60.0}
    assert heard == [b"1\n", b"2\n"] and begun == [1]

    def broken(line: bytes) -> None:
        raise BrokenPipeError

    asking._process = SimpleNamespace(stdin=SimpleNamespace(write=broken))  # type: ignore[assignment]
    assert asking._asked(b"3\n") is None
    asking._process = None


def test_a_forked_child_forgets_its_parents_process_and_closes_the_pipes() -> None:
    asking = Beside(Path("pretended.py"), purpose="pretends")
    asking.forget()
    assert asking._process is None
    reading, writing = os.pipe()
    process = SimpleNamespace(stdin=os.fdopen(writing, "wb", 0), stdout=os.fdopen(reading, "rb", 0), returncode=None)
    asking._process, lock = process, asking._lock  # type: ignore[assignment]
    asking.forget()
    assert asking._process is None and asking._lock is not lock and process.returncode == 0
    assert process.stdin.closed and process.stdout.closed
    close_pipes(SimpleNamespace(stdin=None, stdout=None))  # type: ignore[arg-type]


def test_a_process_that_does_not_end_with_its_input_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn:
        stdin = stdout = None
        returncode = -signal.SIGKILL
        done: list[Any] = []  # noqa: RUF012

        def wait(self, seconds: float | None = None) -> None:
            self.done.append(seconds)
            if seconds is not None:
                raise subprocess.TimeoutExpired("pretended", seconds)

        def kill(self) -> None:
            self.done.append("killed")

    asking = Beside(Path("pretended.py"), purpose="pretends")
    assert asking._end() is None
    asking._process = Stubborn()  # type: ignore[assignment]
    assert asking._end() == -signal.SIGKILL and asking._process is None
    assert Stubborn.done == [5.0, "killed", None]
