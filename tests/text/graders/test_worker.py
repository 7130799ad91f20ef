"""The process that asks math-verify, its child and its life: see `test_judge` for the whole of it."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from straw.text.graders import worker

# --- the child ------------------------------------------------------------------------------------


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    (ask_read, ask), (said, said_write) = os.pipe(), os.pipe()
    yield ask_read, ask, said, said_write
    for one in (ask_read, ask, said, said_write):
        try:
            os.close(one)
        except OSError:
            continue


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    said: list[bytes] = []
    monkeypatch.setattr(worker, "say", said.append)
    return said


def hollow(pipes: tuple[int, int, int, int], pid: int = 4321) -> worker.Child:
    """A child without a process."""
    child = worker.Child.__new__(worker.Child)
    child.pid, child.ask, child.said = pid, pipes[1], pipes[2]
    return child


def test_a_question_has_a_second_of_work_and_a_child_ten_looks_of_a_second_to_stir() -> None:
    assert (worker.WORK_S, worker.LOOK_S, worker.STILL_LOOKS, worker.MEMORY) == (1.0, 1.0, 10, 4 * 1024**3)


def test_an_answer_may_come_in_pieces(
    pipes: tuple[int, int, int, int], told: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    child, pieces, worked = hollow(pipes), [b'{"right"', b": ", b"true}\n"], iter(range(100))
    monkeypatch.setattr(worker, "work_of", lambda pid: next(worked))
    monkeypatch.setattr(child.__class__, "_speaks", lambda self: bool(os.write(pipes[3], pieces.pop(0))))
    assert child.answer(b"question\n") == b'{"right": true}\n'
    assert os.read(pipes[0], 100) == b"question\n" and told == []


def looked_at(child: worker.Child, works: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    worked = iter(works)
    monkeypatch.setattr(worker, "STILL_LOOKS", 3)
    monkeypatch.setattr(worker, "work_of", lambda pid: next(worked))
    monkeypatch.setattr(worker.Child, "_speaks", lambda self: False)
    child.answer(b"question\n")


def test_three_looks_in_a_row_that_find_no_work_are_a_loss(
    pipes: tuple[int, int, int, int], told: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(worker.LostError):
        looked_at(hollow(pipes), [1, 1, 1, 1, 1, 1], monkeypatch)
    assert told == [worker.WORKING] * 3  # a first look, and two that found it still
    told.clear()
    with pytest.raises(worker.LostError):
        looked_at(hollow(pipes), [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3], monkeypatch)
    assert told == [worker.WORKING] * 9  # what works in between begins anew


def test_a_look_takes_as_long_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Poll:
        def register(self, *given: int) -> None:
            asked.append(given)

        def poll(self, milliseconds: float) -> list[int]:
            asked.append(milliseconds)
            return []

    monkeypatch.setattr(worker.select, "poll", Poll)
    monkeypatch.setattr(worker, "LOOK_S", 0.25)
    assert hollow((0, 1, 77, 3))._speaks() is False
    assert asked == [(77, worker.select.POLLIN), 250.0]


@pytest.mark.parametrize(
    ("status", "is_lost"),
    [
        (signal.SIGKILL, True), (signal.SIGTERM, True), (signal.SIGPROF, False), (signal.SIGSEGV, False),
        (1 << 8, False), (signal.SIGKILL << 8, False), (0, False),
    ],
)  # fmt: skip
def test_a_kill_is_a_loss_and_any_other_end_an_answer(
    monkeypatch: pytest.MonkeyPatch, pipes: tuple[int, int, int, int], status: int, is_lost: bool
) -> None:
    waited: list[tuple[int, int]] = []

    def waitpid(*given: int) -> tuple[int, int]:
        waited.append((given[0], given[1]))
        return given[0], int(status)

    monkeypatch.setattr(os, "waitpid", waitpid)
    child = hollow(pipes)
    if is_lost:
        with pytest.raises(worker.LostError):
            child._its_end()
    else:
        assert child._its_end() == worker.STOPPED
    assert waited == [(4321, 0)] and child.pid == 0


def test_a_child_is_killed_and_waited_for_where_it_lives(
    monkeypatch: pytest.MonkeyPatch, pipes: tuple[int, int, int, int]
) -> None:
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *given: done.append(given))
    monkeypatch.setattr(os, "waitpid", lambda *given: done.append(given))
    hollow(pipes).end()
    assert done == [(4321, signal.SIGKILL), (4321, 0)]
    for descriptor in pipes[1:3]:
        with pytest.raises(OSError):
            os.fstat(descriptor)


def test_a_child_that_has_gone_is_not_killed(monkeypatch: pytest.MonkeyPatch, pipes: tuple[int, int, int, int]) -> None:
    monkeypatch.setattr(os, "kill", lambda *given: pytest.fail("somebody else has that number now"))
    hollow(pipes, pid=0).end()


def test_a_fork_ends_with_nought_when_its_parent_goes_and_with_one_when_its_work_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(work: Callable[[int, int], None]) -> int:
        monkeypatch.setattr(worker, "work", work)
        child = worker.Child()
        os.close(child.ask)
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        os.close(child.said)
        return status

    monkeypatch.setattr(worker, "MEMORY", resource.RLIM_INFINITY)
    assert ended(worker.work) == 0
    assert ended(lambda ask, said: None) == 1


def test_work_is_what_a_process_ran_and_waited_and_time_where_nobody_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def tells(text: str) -> None:
        def path(name: str) -> SimpleNamespace:
            asked.append(name)
            return SimpleNamespace(read_text=lambda: text)

        monkeypatch.setattr(worker, "Path", path)

    tells("30 12 5\n")
    assert worker.work_of(99) == 42 and asked == ["/proc/99/schedstat"]
    tells("30 12\n")
    before = time.monotonic_ns()
    assert before <= worker.work_of(99) <= time.monotonic_ns()


# --- its life -------------------------------------------------------------------------------------


def test_every_question_has_a_clock_of_its_own_and_what_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, pipes: tuple[int, int, int, int]
) -> None:
    done: list[tuple[Any, ...]] = []

    def judged(question: dict[str, Any]) -> dict[str, Any]:
        if question["text"] == "odd":
            raise ValueError
        return {"right": question["text"] == "right"}

    def ended(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(worker, "judged", judged)
    monkeypatch.setattr(signal, "signal", lambda *given: done.append(given))
    monkeypatch.setattr(signal, "setitimer", lambda *given: done.append(given))
    monkeypatch.setattr(resource, "setrlimit", lambda *given: done.append(given))
    monkeypatch.setattr(os, "_exit", ended)
    os.write(pipes[1], b"".join(json.dumps({"text": text}).encode() + b"\n" for text in ("right", "odd", "wrong")))
    os.close(pipes[1])
    with pytest.raises(SystemExit) as end:
        worker.work(pipes[0], pipes[3])
    assert end.value.code == 0
    said = [json.loads(line) for line in os.read(pipes[2], 1000).splitlines()]
    assert said == [{"right": True}, {"refused": True}, {"right": False}]
    clock = [(signal.ITIMER_PROF, worker.WORK_S), (signal.ITIMER_PROF, 0)]
    assert done == [
        (signal.SIGPROF, signal.SIG_DFL), (resource.RLIMIT_AS, (worker.MEMORY, worker.MEMORY)),
        (resource.RLIMIT_CORE, (0, 0)), *clock * 3,
    ]  # fmt: skip


class Pretend:
    """In place of children: each answer is said, or raised."""

    made: list[Pretend]
    answers: list[bytes | Exception]

    def __init__(self) -> None:
        self.has_ended = False
        self.made.append(self)

    def answer(self, line: bytes) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        self.has_ended = True


def pretended(monkeypatch: pytest.MonkeyPatch, *answers: bytes | Exception) -> worker.Children:
    Pretend.made, Pretend.answers = [], list(answers)
    monkeypatch.setattr(worker, "Child", Pretend)
    return worker.Children()


def test_one_child_answers_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    children = pretended(monkeypatch, b"1\n", b"2\n", worker.STOPPED, b"3\n")
    assert [children.answer(b"") for _ in range(4)] == [b"1\n", b"2\n", worker.STOPPED, b"3\n"]
    assert [one.has_ended for one in Pretend.made] == [True, False]
    children.end()
    children.end()
    assert [one.has_ended for one in Pretend.made] == [True, True]


def test_a_question_whose_child_was_lost_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    children = pretended(monkeypatch, worker.LostError(), b"1\n")
    assert children.answer(b"") == b"1\n" and [one.has_ended for one in Pretend.made] == [True, False]
    children = pretended(monkeypatch, worker.LostError(), worker.LostError(), b"1\n")
    with pytest.raises(worker.LostError):
        children.answer(b"")
    assert [one.has_ended for one in Pretend.made] == [True, True]


def test_it_is_ready_before_it_is_asked_and_goes_where_its_children_are_lost(
    monkeypatch: pytest.MonkeyPatch, told: list[bytes]
) -> None:
    monkeypatch.setattr(worker, "judged", lambda question: {})
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=[b"a\n", b"b\n", b"c\n"]))
    pretended(monkeypatch, b"1\n", worker.LostError(), worker.LostError(), b"3\n")
    worker.main()
    assert told == [b'{"ready":true}\n', b"1\n"] and all(one.has_ended for one in Pretend.made)


def test_what_is_missing_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, told: list[bytes]) -> None:
    def judged(question: dict[str, Any]) -> dict[str, Any]:
        raise ImportError("No module named 'math_verify'")

    monkeypatch.setattr(worker, "judged", judged)
    worker.main()
    (line,) = told
    assert json.loads(line) == {"missing": "No module named 'math_verify'"} and line.endswith(b"\n")


def test_a_line_goes_to_the_pipe_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open(1, "w", closefd=False) as stream, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        worker.say(b"a line\n")
        assert capfdbinary.readouterr().out == b"a line\n"
