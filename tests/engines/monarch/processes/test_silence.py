"""When a process is given up: not for being slow, and soon when it is silent."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from straw.config.sections import Engine
from straw.engines.monarch.processes import silence as vigil
from straw.engines.monarch.processes.heartbeat import Heart, beating
from straw.engines.monarch.processes.identity import Known, identity_of
from straw.engines.monarch.processes.silence import LOOK_S, Patience, Vigil

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")

Script = Callable[[Vigil], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "LOOK_S", 0.02)


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command or ["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def found(
    process: subprocess.Popen[bytes], script: Script, patience: Patience, beats: Callable[[], int] = lambda: 0,
    seconds: float = 30.0,
) -> str:  # fmt: skip
    """What the watcher says in the end, or nothing."""

    async def watched() -> str:
        known = Known.here(identity_of(process.pid))
        assert known is not None
        watch = Vigil(known, beats, patience)
        try:
            await script(watch)
            return await asyncio.wait_for(asyncio.shield(watch.trouble), seconds)
        except TimeoutError:
            return ""
        finally:
            await watch.end()
            known.close()

    return asyncio.run(watched())


async def at_rest(watch: Vigil) -> None: ...


async def at_work(watch: Vigil) -> None:
    watch.work(loads=False)


async def loading(watch: Vigil) -> None:
    watch.work(loads=True)


def stopped(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
        time.sleep(0.001)


SHORT = Patience(answer_s=0.2, load_s=60.0)


def test_by_default_who_is_frozen_is_found_within_ten_seconds() -> None:
    ours = Engine()
    assert (ours.answer_s, ours.load_s) == (Patience().answer_s, Patience().load_s)
    assert ours.answer_s + 2 * LOOK_S <= 10


def test_who_has_nothing_to_do_may_be_silent() -> None:
    with running() as process:
        assert found(process, at_rest, SHORT, seconds=0.6) == ""


@pytest.mark.parametrize("script", [at_rest, at_work, loading])
def test_who_is_stopped_is_given_up_at_work_and_at_rest(script: Any) -> None:
    with running() as process:
        stopped(process)
        assert found(process, script, SHORT) == "was stopped for 0.2 s (answer_s) and was ended"


def test_who_falls_silent_at_work_is_given_up() -> None:
    with running() as process:
        assert found(process, at_work, SHORT) == "gave no sign of life for 0.2 s (answer_s) and was ended"


def test_who_beats_may_work_for_as_long_as_it_likes() -> None:
    beats = count()
    with running() as process:
        assert found(process, at_work, Patience(0.1, 0.2), beats=lambda: next(beats), seconds=1.0) == ""


def test_who_is_busy_without_a_beat_is_not_silent_and_has_load_s() -> None:
    """A layer that takes longer than answer_s is work."""
    with running(sys.executable, "-c", "while True: pass") as process:
        time.sleep(0.3)
        why = found(process, at_work, Patience(answer_s=0.25, load_s=1.5))
    assert why.startswith("worked for 1.5 s without a sign of life (load_s) and was ended: write load_s=3 where")


def test_who_loads_may_wait_for_as_long_as_load_s() -> None:
    with running() as process:
        why = found(process, loading, Patience(answer_s=0.1, load_s=0.5))
    assert why.startswith("worked for 0.5 s")


def test_who_waits_for_a_disk_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "waits_for_disk", lambda pid, threads: True)
    with running() as process:
        assert found(process, at_work, Patience(answer_s=0.1, load_s=0.6)).startswith("worked for 0.6 s")


def test_time_that_others_had_the_processor_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = count(0, 0.02)  # ready all the time, and never running
    monkeypatch.setattr(vigil, "threads_of", lambda pid: {"1": (0.0, next(waits))})
    with running() as process:
        assert found(process, at_work, Patience(answer_s=0.1, load_s=0.5), seconds=0.7) == ""


def test_how_long_it_was_stopped_counts_from_rest_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async def first_at_rest(watch: Vigil) -> None:
        while watch.stopped_s < 0.3:
            await asyncio.sleep(0.01)
        watch.work(loads=False)
        assert watch.stopped_s >= 0.3

    with running() as process:
        stopped(process)
        assert found(process, first_at_rest, Patience(answer_s=0.5)).startswith("was stopped")


def test_a_death_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(watch: Vigil) -> None:
        assert watch.known is not None
        watch.known.kill()

    monkeypatch.setattr(vigil, "LOOK_S", 60.0)
    with running() as process:
        assert found(process, dies, SHORT, seconds=10.0) == "died"


def test_a_death_for_want_of_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    kills = count()
    monkeypatch.setattr(vigil, "oom_kills", lambda: next(kills))
    with running() as process:
        process.kill()
        assert found(process, at_rest, SHORT).startswith("died: memory ran out, and the system ended it. Lower num_gen")


def test_a_watcher_that_fails_gives_up_who_it_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(pid: int, thread: str = "") -> list[str]:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(vigil, "stat_of", broken)
    with running() as process:
        why = found(process, at_rest, SHORT)
    assert why == "could not be watched any longer (RuntimeError: nobody expected this)"


def test_the_system_tells_what_threads_did() -> None:
    with running() as process:
        assert all(ran >= 0 and waited >= 0 for ran, waited in vigil.threads_of(process.pid).values())


# --- beats


def test_beats_are_counted_by_whoever_shares_the_memory() -> None:
    heart = Heart()
    beat = beating(heart.handle)
    assert beat is not None and heart.count == 0
    for _ in range(300):
        beat()
    assert heart.count == 300
    heart.close()


@pytest.mark.parametrize("other", [{"boot": "another"}, {"inode": -1}, {"path": "/proc/0/fd/0"}])
def test_memory_that_is_another_is_not_written_to(other: dict[str, Any]) -> None:
    heart = Heart()
    assert beating(replace(heart.handle, **other)) is None
    heart.close()
