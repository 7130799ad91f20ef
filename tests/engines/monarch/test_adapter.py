"""What the system tells about a process, without Monarch: whether it is stopped, and how long it had no processor."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from straw.engines.monarch import adapter
from straw.engines.monarch.adapter import Process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """One that sleeps, seen as a worker's; the clock by which it is looked at is a quick one."""
    monkeypatch.setattr(adapter, "LOOK_S", 0.01)
    child = subprocess.Popen(["sleep", "60"])
    seen = Process.__new__(Process)
    seen.pid, seen.frozen_s, seen.stopped_s = child.pid, 0.1, 0.0
    yield seen
    child.kill()
    child.wait()


def stop(process: Process) -> None:
    assert process.pid is not None
    adapter.os.kill(process.pid, signal.SIGSTOP)
    while not process.is_stopped():
        time.sleep(0.001)


async def freezes(process: Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.freezes(), seconds)
    except TimeoutError:
        return False
    return True


def test_one_that_sleeps_is_not_frozen_and_one_that_is_stopped_is(process):
    assert not asyncio.run(freezes(process, 0.3))
    stop(process)
    assert asyncio.run(freezes(process, 10))


def test_how_long_it_was_stopped_is_counted_from_one_wait_to_the_next(process):
    stop(process)
    process.frozen_s = 10.0
    assert not asyncio.run(freezes(process, 0.2))
    process.frozen_s = process.stopped_s
    assert asyncio.run(freezes(process, 0.001))


def test_who_waits_for_a_processor_is_given_that_time(process, monkeypatch):
    waits = iter([{"1": 5.0}, {"1": 5.3}, {"1": 5.3}, {"1": 5.3}])
    monkeypatch.setattr(process, "waited_s", lambda: next(waits, {"1": 5.3}))

    async def waited() -> float:
        begun = time.monotonic()
        await process._wait({asyncio.ensure_future(asyncio.sleep(60))}, 0.1)
        return time.monotonic() - begun

    assert asyncio.run(waited()) >= 0.4  # a tenth of its own, and three that others had


def test_the_system_tells_how_long_threads_waited(process):
    assert all(seconds >= 0 for seconds in process.waited_s().values())
