"""Every call to Monarch, and there are few: a process with one worker in it, called by the name of a method.

    process = Process("generator-0", Generator, page, base)
    reply = await process.call("sample", job, deadline_s=60)

A call ends with an answer, at its deadline, or with the process: the system tells at once when one of this machine
dies (a pidfd), and Monarch after seconds when one of another does. Monarch never tells that one hangs. The deadline
does not count the time in which the process was ready and others had the processor, so that on a busy machine the slow
are not taken for dead. One that is stopped (SIGSTOP) is ready for nothing, and is found out at work and at rest.

Only the default transport is used (sockets without a port), so nothing here can be reached from another machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from math import inf
from pathlib import Path
from typing import Any

from straw import errors
from straw.errors import ConfigError, StrawError

WANTED = "0.7."
# Read by Monarch when it is first used, and handed on to the processes it starts.
SETTINGS = {
    "HYPERACTOR_MESH_SUPERVISION_POLL_FREQUENCY": "500ms",  # how soon a death is seen; 10 s by default
    "HYPERACTOR_MESH_GET_ACTOR_STATE_MAX_IDLE": "3s",
    "HYPERACTOR_MESH_GET_PROC_STATE_MAX_IDLE": "3s",
    "HYPERACTOR_MESH_SUPERVISION_WATCHDOG_TIMEOUT": "15m",  # on a loaded machine two minutes declare the living dead
    "MONARCH_FILE_LOG": "error",
}


APPEARS_S = 60.0  # for a process to say its number
LOOK_S = 0.25


class WorkerDied(StrawError):
    """The process is gone, or did not answer in time and was killed."""


class WorkerRaised(StrawError):
    """The worker is alive, and what it was asked to do raised."""


def check_monarch() -> None:
    """Refuse a missing or another Monarch before anything is started."""
    try:
        there = metadata.version("torchmonarch")
    except metadata.PackageNotFoundError:
        raise ConfigError(
            "engine=monarch needs torchmonarch 0.7 and it is not installed: pip install 'straw[monarch]' (Linux, "
            "Python up to 3.13), or write engine=local"
        ) from None
    if not there.startswith(WANTED):
        raise ConfigError(
            f"engine=monarch is written for torchmonarch 0.7; got {there}: pip install torchmonarch==0.7.0"
        )


def monarch() -> Any:
    """Monarch's module, set up."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import monarch.actor as actor

    actor.unhandled_fault_hook = lambda failure: None  # to return is to survive; the caller is told by its call
    return actor


class Process:
    """One process, one worker. `call` from an event loop, or `ask` from anywhere else."""

    def __init__(self, name: str, worker: Callable[..., Any], *given: Any) -> None:
        from straw.engines.monarch.host import Host

        self.name = name
        self._mesh = monarch().this_host().spawn_procs({"gpus": 1})
        self._actor = self._mesh.spawn(name.replace("-", "_"), Host, name)
        self._worker, self._given = worker, given
        self.pid: int | None = None
        self.frozen_s, self.stopped_s = inf, 0.0  # how long it may be stopped, and has been
        self._death: int | None = None  # a descriptor that can be read when the process is gone

    async def start(self, deadline_s: float, frozen_s: float = inf) -> None:
        """Return when the worker is made."""
        self.frozen_s = frozen_s
        self.pid = await self._answer(self._actor.pid.call_one(), min(deadline_s, APPEARS_S))
        self._death = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        await self._answer(self._actor.make.call_one(self._worker, self._given), deadline_s)

    def beside(self, name: str, actor: Callable[..., Any], *given: Any) -> Any:
        """One more actor in this process, for other processes to call; it answers while the worker works."""
        return self._mesh.spawn(name, actor, *given)

    async def call(self, method: str, *given: Any, deadline_s: float) -> Any:
        return await self._answer(self._actor.call.call_one(method, given), deadline_s)

    async def _answer(self, future: Any, deadline_s: float) -> Any:
        from monarch._rust_bindings.monarch_hyperactor.supervision import SupervisionError
        from monarch.actor import ActorError

        answer, death = asyncio.ensure_future(as_coroutine(future)), asyncio.ensure_future(self.dies())
        stop = asyncio.ensure_future(self.freezes())
        try:
            await self._wait({answer, death, stop}, deadline_s)
            if not answer.done():
                patience = self.frozen_s if stop.done() else deadline_s
                what = "died" if death.done() else f"gave no answer within {patience:g} s and was killed"
                raise WorkerDied(f"{self.name} {what}")
            failure, value = answer.result()
        except (SupervisionError, ActorError) as error:
            raise WorkerDied(f"{self.name} died ({first_line(error)})") from error
        finally:
            await put_off(death, stop)
            if not answer.done() or answer.exception() is not None:
                answer.cancel()
                self.kill()
        if failure is not None:
            kind, words = failure
            raise getattr(errors, kind, WorkerRaised)(words)
        return value

    async def _wait(self, ends: set[asyncio.Future[Any]], deadline_s: float) -> None:
        """Until one of them comes, or for so many seconds in which the process could have worked."""
        begun, before = time.monotonic(), self.waited_s()
        left = deadline_s
        while left > 0:
            done, _ = await asyncio.wait(ends, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            waited = max((now - before.get(thread, 0.0) for thread, now in self.waited_s().items()), default=0.0)
            left = deadline_s - (time.monotonic() - begun - waited)

    def waited_s(self) -> dict[str, float]:
        """How long each thread was ready and had no processor; nothing where the system does not tell."""
        waited: dict[str, float] = {}
        with suppress(OSError, ValueError, IndexError):
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                waited[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
        return waited

    async def dies(self) -> None:
        """Return when the process is gone."""
        if self._death is None:
            await asyncio.Event().wait()
            return
        loop, gone, descriptor = asyncio.get_running_loop(), asyncio.Event(), self._death
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)

    async def freezes(self) -> None:
        """Return when it has been stopped for too long, also where that began at rest and goes on in a call."""
        while self.stopped_s < self.frozen_s:
            await asyncio.sleep(LOOK_S)
            self.stopped_s = self.stopped_s + LOOK_S if self.is_stopped() else 0.0

    def is_stopped(self) -> bool:
        """Not where the system does not tell."""
        with suppress(OSError, IndexError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
        return False

    def kill(self) -> None:
        """At once; a mesh that is asked to stop a dead process takes ten seconds."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def stop(self, deadline_s: float = 2.0) -> None:
        """In good order, or else by force; the process is gone when this returns."""
        with suppress(Exception):
            await asyncio.wait_for(as_coroutine(self._mesh.stop()), deadline_s)
        self.kill()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.dies(), deadline_s)
        if self._death is not None:
            os.close(self._death)
            self._death = None


async def put_off(*tasks: asyncio.Future[None]) -> None:
    """Nobody waits for them any more."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def as_coroutine(future: Any) -> Any:
    """Monarch's futures can be awaited, and asyncio wants coroutines."""
    return await future


def first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
