"""A process with a worker in it: deadlines bound its silence, whatever it does and however long that takes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.engines.monarch.freezing import Freezing
from tests.engines.monarch.workers import Patient
from tests.monarch_here import needs_monarch
from tests.processes import children

from straw.engines.monarch.processes import namespace as wall
from straw.engines.monarch.processes.process import Process, WorkerDied, WorkerRaised, in_a_line
from straw.engines.monarch.processes.silence import Patience

pytestmark = needs_monarch
ANSWER_S = 2.0
Make = Callable[[type], Process]
Do = Callable[[Any], Any]


@pytest.fixture
def do() -> Iterator[Do]:
    """Run a coroutine where Monarch lives."""
    loop = asyncio.new_event_loop()
    thread = wall.raised(shared_machine=True).begin(loop.run_forever, "processes")
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def started(worker: type) -> Process:
    process = Process("generator-0", worker, patience=Patience(answer_s=ANSWER_S, load_s=60.0))
    await process.start()
    return process


def test_a_process_has_an_environment_of_its_own(do: Do) -> None:
    """As one that is to see one card has to have, before it looks at its cards."""

    async def told(environment: dict[str, str] | None) -> list[str | None]:
        process = Process("generator-0", Patient, environment=environment)
        await process.start()
        found = [await process.call("told", name) for name in ("CUDA_VISIBLE_DEVICES", "PATH")]
        await process.stop()
        return found

    path = os.environ["PATH"]
    assert do(told({"CUDA_VISIBLE_DEVICES": "7"})) == ["7", path]
    assert do(told(None)) == [os.environ.get("CUDA_VISIBLE_DEVICES"), path]


async def lost(process: Process, method: str, *given: Any) -> tuple[str, float]:
    """What is said of a process that had to be given up, and after how long."""
    begun = time.monotonic()
    with pytest.raises(WorkerDied) as error:
        await process.call(method, *given)
    await process.stop()
    return str(error.value), time.monotonic() - begun


def test_slow_work_that_beats_is_waited_for_and_silence_is_not(do: Do) -> None:
    before = sorted(beating())
    process = do(started(Patient))
    assert len(beating()) > len(before)
    assert do(process.call("beats", 3 * ANSWER_S)) == "done"
    with pytest.raises(WorkerRaised, match="MemoryError"):
        do(process.call("raises"))
    words, seconds = do(lost(process, "waits"))
    assert words == "generator-0 gave no sign of life for 2 s (answer_s) and was ended"
    assert seconds < ANSWER_S + 4.0
    assert children() == {}
    assert sorted(beating()) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "at"),
    [("sample", 2), ("sample", 9), ("train", 2), ("train", 7)],
    ids=["prefill", "decoding", "training", "the way back"],
)  # fmt: skip
def test_who_is_frozen_in_the_middle_of_its_work_is_found(do: Do, kind: str, at: int) -> None:
    process = do(started(Freezing))
    assert do(process.call("work", kind, 0))
    words, seconds = do(lost(process, "work", kind, at))
    assert words == "generator-0 was stopped for 2 s (answer_s) and was ended"
    assert seconds < ANSWER_S + 4.0
    assert children() == {}


def beating() -> list[str]:
    """The open files that a watched process needs here; engines of other tests have theirs."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(one))
    return [one for one in found if "beats" in one or "pidfd" in one]


def test_what_the_system_lacks_is_told_with_the_way_out() -> None:
    assert in_a_line(OSError(24, "Too many open files")) == (
        "no more files may be open: raise ulimit -n, or lower num_generators"
    )
    assert in_a_line(RuntimeError("...\nDefaultCPUAllocator: can't allocate memory: you tried 4 GB")).startswith(
        "memory is used up"
    )
    assert in_a_line(OSError(12, "Cannot allocate memory")).startswith("memory is used up")
    assert "raise ulimit -u" in in_a_line(OSError(11, "Resource temporarily unavailable"))
    assert in_a_line(OSError(28, "No space left on device")).startswith("a disk is full")
    assert in_a_line(ValueError("\n  first\nsecond")) == "first"
    assert in_a_line(ValueError()) == "ValueError"
