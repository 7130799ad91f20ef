from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from tests.cli.side_jobs import HERE

from straw.errors import StrawError
from straw.library.jobs.worker import Job, Messenger, Result
from straw.library.jobs.worker_pool import OnEvent, Room, how_it_died, interrupts


def results(room: Any, *jobs: Job, on_event: OnEvent = lambda *_: None) -> dict[str, Result]:
    return {result.label: result for result in room.run(jobs, on_event)}


def job(label: str, what: str, argument: object = None, start: str | None = None) -> Job:
    return Job(label, f"{HERE}:{what}", argument, start)


@pytest.fixture(params=[0, 2], ids=["here", "workers"])
def room(request: pytest.FixtureRequest) -> Iterator[Any]:
    with Room(request.param) as room:
        yield room


def test_every_job_is_done_and_heard(room: Any) -> None:
    heard: list[tuple[object, ...]] = []
    found = results(room, job("a", "double", 1), job("b", "double", 2), on_event=lambda *message: heard.append(message))
    assert {label: result.value for label, result in found.items()} == {"a": 2, "b": 4}
    assert sorted(heard) == [("a", "say", "1 is doubled"), ("b", "say", "2 is doubled")]


def test_a_job_that_fails_ends_nothing(room: Any) -> None:
    found = results(room, job("bad", "refuse", "N is too large"), job("bug", "blunder"), job("good", "double", 2))
    assert (found["bad"].error, found["bad"].trace) == ("N is too large", None)
    assert found["bug"].error == "ZeroDivisionError: division by zero"
    assert "in blunder" in str(found["bug"].trace)
    assert found["good"].value == 4


def test_a_question_has_an_answer_or_raises(room: Any) -> None:
    assert room.ask(f"{HERE}:double", 4) == 8
    with pytest.raises(StrawError, match="too large"):
        room.ask(f"{HERE}:refuse", "too large")
    with pytest.raises(RuntimeError, match="in blunder"):
        room.ask(f"{HERE}:blunder", None)


def test_a_killed_worker_fails_its_job_and_another_takes_its_place() -> None:
    with Room(1) as room:
        found = results(room, job("killed", "be_killed"), job("next", "double", 1))
    assert "killed by SIGKILL, as systems do when memory runs out" in str(found["killed"].error)
    assert found["next"].value == 2
    assert "ended with status 3" in how_it_died(3)


def test_workers_live_as_long_as_the_room() -> None:
    with Room(1) as room:
        processes = {room.ask(f"{HERE}:process", None) for _ in range(3)}
    assert len(processes) == 1 and os.getpid() not in processes


def test_workers_have_the_environment_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of the server that forks them, which may be older."""
    for value in ("one", "two"):
        monkeypatch.setenv("STRAW_TEST", value)
        with Room(1) as room:
            assert room.ask(f"{HERE}:environment", "STRAW_TEST") == value


def test_a_warm_up_is_made_once_and_those_that_share_it_wait(tmp_path: Path) -> None:
    logs = {start: tmp_path / start for start in ("x", "y")}
    jobs = [job(f"{start}{n}", "warm_up", str(log), start) for start, log in logs.items() for n in range(3)]
    with Room(2) as room:
        found = results(room, *jobs)
    assert sum(bool(result.value) for result in found.values()) == 2
    for log in logs.values():
        assert log.read_text().split() == ["making", "made", "reading", "reading"]


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background were told to ignore it
from tests.cli.side_jobs import HERE
from straw.library.jobs import worker_pool as side_by_side
from straw.library.jobs.worker import Job
side_by_side.PRELOADED = []  # no torch: these jobs need none
jobs = [Job(marks, f"{HERE}:run_until_asked", marks) for marks in sys.argv[1:]]
with side_by_side.Room(2) as room:
    list(room.run(jobs, lambda *_: None))
"""


@pytest.fixture
def two_runs(tmp_path: Path) -> Iterator[Any]:
    """A program with two runs that have begun, in a group of processes of its own, as in a terminal."""
    marks = [tmp_path / name for name in ("a", "b")]
    for folder in marks:
        folder.mkdir()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, marks)], cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: all((folder / "begun").exists() for folder in marks))
    yield program, marks
    if program.poll() is None:
        os.killpg(program.pid, signal.SIGKILL)
    program.communicate()


def wait_for(is_so: Any, most_s: float = 60.0) -> None:
    until = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def test_ctrl_c_lets_runs_keep_their_step_before_everything_ends(two_runs: Any) -> None:
    program, marks = two_runs
    os.killpg(program.pid, signal.SIGINT)  # a terminal sends it to all of them
    _, said = program.communicate(timeout=120)
    assert all((folder / "kept").exists() for folder in marks)
    assert "stopping after the steps that go on" in said and "KeyboardInterrupt" in said


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """As in a terminal; tests that run in the background are told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_in_the_middle_of_a_message_loses_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a message in the pipe would be waited for without end."""
    heard: list[Any] = []
    recv = Connection.recv

    def interrupted(pipe: Connection) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return recv(pipe)

    with pytest.raises(KeyboardInterrupt), Room(1) as room:
        list(room.run([], lambda *_: None))
        monkeypatch.setattr(Connection, "recv", interrupted)
        for _ in room.run([job("a", "double", 2)], lambda *message: heard.append(message)):
            monkeypatch.undo()
    assert ("a", "say", "2 is doubled") in heard
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts() as was_interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            assert not was_interrupted() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_workers_keep_their_step_when_nobody_is_left_to_hear(two_runs: Any) -> None:
    program, marks = two_runs
    os.kill(program.pid, signal.SIGKILL)
    wait_for(lambda: all((folder / "kept").exists() for folder in marks))


def test_a_messenger_tells_what_a_person_can_read_and_the_last_step() -> None:
    told: list[tuple[str, object]] = []
    messenger = Messenger(lambda *message: told.append(message), lambda: False)
    messenger.total, messenger.told_at = 3, time.monotonic() + 1000
    messenger.update(1, {"episodes": 4, "bits_known": 0.5})
    messenger.update(2, {"episodes": 8})
    assert told == []
    messenger.update(3, {"episodes": 12})
    assert told == [("update", (3, {"episodes": 12, "bits_known": 0.5, "measured_at": 4}))]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux alone")
def test_who_preloads_has_the_server_that_forks_before_there_is_work() -> None:
    looked = (
        "import sys\n"
        "from multiprocessing import forkserver\n"
        "from straw.library.jobs import worker_pool\n"
        "worker_pool.preload()\n"
        "server = forkserver._forkserver\n"
        "print(server._forkserver_pid is not None, server._preload_modules == worker_pool.PRELOADED)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["True", "True", "False"], done.stderr
