"""Every call to Monarch, and there are few: a process with one worker in it, called by the name of a method.

    process = Process("generator-0", Generator, page, base)      behind the wall (see `wall`)
    await process.start()
    reply = await process.call("sample", job)

A call ends with an answer, or when the process has to be given up: `vigil` tells when that is. Monarch alone would tell
of a death after seconds, and never that a process hangs.

Only the default transport is used (sockets without a port), so nothing here can be reached from another machine.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import Any

from straw import errors
from straw.engines.monarch.processes import namespace as wall
from straw.engines.monarch.processes.heartbeat import Heart
from straw.engines.monarch.processes.identity import Identity, Known
from straw.engines.monarch.processes.log import Log
from straw.engines.monarch.processes.silence import Patience, Vigil
from straw.errors import ConfigError, EngineFailed, StrawError

WANTED = "0.7."
# Read by Monarch when it is first used, and handed on to the processes it starts. It takes for dead who does not answer
# it for some seconds, as the living may on a busy machine; who is dead or silent is for `vigil` to find.
PATIENT = "15m"
SETTINGS = {
    "HYPERACTOR_MESH_SUPERVISION_POLL_FREQUENCY": "2s",
    "HYPERACTOR_MESH_GET_ACTOR_STATE_MAX_IDLE": PATIENT,
    "HYPERACTOR_MESH_GET_PROC_STATE_MAX_IDLE": PATIENT,
    "HYPERACTOR_MESH_SUPERVISION_WATCHDOG_TIMEOUT": PATIENT,
    "HYPERACTOR_MESH_ACTOR_SPAWN_MAX_IDLE": PATIENT,
    "HYPERACTOR_MESH_PROC_SPAWN_MAX_IDLE": PATIENT,
    "HYPERACTOR_MESH_ORPHAN_TIMEOUT": "1day",  # workers of a directing process that was stopped for a while
    "HYPERACTOR_HOST_SPAWN_READY_TIMEOUT": PATIENT,
    "HYPERACTOR_MESSAGE_DELIVERY_TIMEOUT": PATIENT,
    "HYPERACTOR_PENDING_ACTOR_DELIVERY_TIMEOUT": PATIENT,
    "MONARCH_FILE_LOG": "error",
}


APPEARS_S = 120.0  # for a process to say who it is
LACKS = {  # what systems say, and what to do
    "too many open files": "no more files may be open: raise ulimit -n, or lower num_generators",
    "cannot allocate memory": "memory is used up: lower num_generators, or the size of a batch",
    "can't allocate memory": "memory is used up: lower num_generators, or the size of a batch",
    "resource temporarily unavailable": "no more processes may be begun: raise ulimit -u, or lower num_generators",
    "no space left on device": "a disk is full: free some of the temporary folder",
}


class WorkerDied(StrawError):
    """The process is gone, or fell silent and was killed."""


class HostAway(WorkerDied):
    """The machine that it would be on cannot be reached; it is called again and again."""


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


log: Log | None = None  # Monarch's, of this process and of those that it begins


def monarch() -> Any:
    """Monarch's module, set up. Its threads begin here, so the first call has to come from behind the wall."""
    global log
    if log is None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        log = Log()
        with log.taking_over():
            import monarch.actor as actor

            actor.this_host()
            actor.unhandled_fault_hook = lambda failure: None  # to return is to survive; the caller is told by its call
    import monarch.actor as actor

    return actor


def tidy() -> None:
    """Now and then."""
    if log is not None:
        log.drain()


class Process:
    """One process, one worker; all of it happens in one event loop, behind the wall."""

    def __init__(
        self, name: str, worker: Callable[..., Any], *given: Any, patience: Patience | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`environment`: of this process alone, beside what it inherits."""
        actor = monarch()
        from straw.engines.monarch.processes.actor import Host, Setting

        assert log is not None
        self.name, self.patience = name, patience or Patience()
        umask = wall.wall.umask if wall.wall is not None else None
        self.heart = Heart()
        try:
            own = actor.default_bootstrap_cmd().with_env(environment) if environment else None
            self._mesh = actor.this_host().spawn_procs({"gpus": 1}, bootstrap_command=own)
            setting = Setting(name, umask, log.path, self.heart.handle)
            self._actor = self._mesh.spawn(name.replace("-", "_"), Host, setting)
        except BaseException:
            self.heart.close()  # where files are scarce each try would take one more
            raise
        self._worker, self._given = worker, given
        self.pid: int | None = None  # for people
        self.place: dict[str, object] = {}  # where it is, for people: here
        self.known: Known | None = None
        self.vigil: Vigil | None = None

    async def start(self) -> None:
        """Return when the worker is made."""
        identity: Identity = await self._appears()
        self.pid, self.known = identity.pid, Known.here(identity)
        self.vigil = Vigil(self.known, lambda: self.heart.count, self.patience)
        await self._answer(self._actor.make.call_one(self._worker, self._given), loads=True)

    async def _appears(self) -> Identity:
        try:
            _, identity = await asyncio.wait_for(as_coroutine(self._actor.identity.call_one()), APPEARS_S)
        except TimeoutError:
            raise WorkerDied(f"{self.name} did not appear within {APPEARS_S:g} s") from None
        except Exception as error:
            raise WorkerDied(f"{self.name} could not be begun ({in_a_line(error)})") from error
        assert isinstance(identity, Identity)
        return identity

    def beside(self, name: str, actor: Callable[..., Any], *given: Any) -> Any:
        """One more actor in this process, for other processes to call; it answers while the worker works."""
        return self._mesh.spawn(name, actor, *given)

    async def call(self, method: str, *given: Any, loads: bool = False) -> Any:
        """`loads`: it reads or writes a model, and may be silent for longer."""
        return await self._answer(self._actor.call.call_one(method, given), loads)

    async def _answer(self, future: Any, loads: bool) -> Any:
        assert self.vigil is not None
        self.vigil.work(loads)
        answer, trouble = asyncio.ensure_future(as_coroutine(future)), self.vigil.trouble
        try:
            await asyncio.wait({answer, trouble}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise WorkerDied(f"{self.name} {trouble.result()}")
            failure, value = answer.result()
        except WorkerDied:
            raise
        except Exception as error:  # Monarch has classes of its own for what may happen, and the system has others
            raise WorkerDied(f"{self.name} died ({in_a_line(error)})") from error
        finally:
            self.vigil.rest()
            if not answer.done() or answer.cancelled() or answer.exception() is not None:
                answer.cancel()
                self.kill()
        if failure is not None:
            kind, words = failure
            raise getattr(errors, kind, WorkerRaised)(words)
        return value

    async def trouble(self) -> str:
        """Why it has to be given up, as soon as it has to be; at rest, too."""
        assert self.vigil is not None
        return await asyncio.shield(self.vigil.trouble)

    def kill(self) -> None:
        """At once; a mesh that is asked to stop a dead process takes ten seconds. Nobody is killed who is not here."""
        if self.known is not None:
            self.known.kill()

    async def stop(self, deadline_s: float = 2.0) -> None:
        """In good order, or else by force; the process is gone when this returns."""
        with suppress(Exception):
            await asyncio.wait_for(as_coroutine(self._mesh.stop()), deadline_s)
        await self.bury(deadline_s)

    async def bury(self, deadline_s: float = 0.0) -> None:
        """Kill it, wait so long for its end, and watch it no longer."""
        self.kill()
        deadline = time.monotonic() + deadline_s
        while self.known is not None and not self.known.is_gone and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        if self.vigil is not None:
            await self.vigil.end()
        if self.known is not None:
            self.known.close()
        self.heart.close()


async def put_off(*tasks: asyncio.Future[Any]) -> None:
    """Nobody waits for them any more."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def as_coroutine(future: Any) -> Any:
    """Monarch's futures can be awaited, and asyncio wants coroutines."""
    return await future


def what_lacks(error: BaseException) -> str:
    """What to do where the system lacks something; nothing where something else is wrong."""
    words = str(error).lower()
    return next((way_out for said, way_out in LACKS.items() if said in words), "")


@contextmanager
def lacks_in_a_line() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, MemoryError) as error:
        if way_out := what_lacks(error):
            raise EngineFailed(way_out) from error
        raise


def in_a_line(error: BaseException) -> str:
    """What is wrong, and where the system lacks something, what to do."""
    if way_out := what_lacks(error):
        return way_out
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
