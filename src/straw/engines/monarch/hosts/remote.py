"""A process on another machine, with the face of `processes.process.Process`: the pool cannot tell them apart.

Whoever has it lives in the pool's loop, behind the wall, where there is no network; links live in a loop of their own.
Nothing here knows a process id: a worker kills what it began itself, and for us there is a name and a link.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from straw import errors
from straw.engines.monarch.generator import Version
from straw.engines.monarch.hosts.attachment import FIRST_SLOT, Attachment
from straw.engines.monarch.hosts.host import Host
from straw.engines.monarch.hosts.travel import bring_folder, fetch_folder
from straw.engines.monarch.hosts.wire.link import Lost, Refused
from straw.engines.monarch.processes.process import HostAway, WorkerDied, WorkerRaised
from straw.engines.monarch.processes.silence import Patience

APPEARS_S = 2.0  # for a host that is away: so often the pool asks again
names = count()


class RemoteProcess:
    def __init__(
        self, name: str, worker: type, *given: Any, host: Host, loop: asyncio.AbstractEventLoop, patience: Patience
    ) -> None:
        self.name, self.host, self.loop, self.place = name, host, loop, host.place
        self._begin: dict[str, Any] = {"worker": worker.__name__, "given": given, "patience": patience}
        self.key = f"{name}.{next(names)}"  # a name that the host has not seen
        self.attachment: Attachment | None = None
        self.pid: int | None = None  # of that machine, for people

    async def start(self) -> None:
        """Return when the worker is made."""
        await self._there(self._start())

    async def call(self, method: str, *given: Any, loads: bool = False) -> Any:
        return await self._there(self._call(method, given, loads))

    async def trouble(self) -> str:
        return await self._there(self._trouble())

    def kill(self) -> None:
        """What it was begun as is ended there; where the link is lost, the host has done so by itself."""
        if self.attachment is not None and not self.loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._end(0.0), self.loop)

    async def stop(self, deadline_s: float = 2.0) -> None:
        with suppress(Exception):
            await asyncio.wait_for(self._there(self._end(deadline_s)), deadline_s + 1.0)

    async def bury(self, deadline_s: float = 0.0) -> None:
        await self.stop(deadline_s)

    # --- inside the links' loop ----------------------------------------------------------------

    async def _there(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def _start(self) -> None:
        attachment = await self.host.attached(APPEARS_S)
        self.attachment = attachment
        await self._prepare(attachment)
        packed = {name: attachment.values.packed(value) for name, value in self._begin.items()}
        self.pid = await self._ask("begin", {"name": self.key, **packed})

    async def _prepare(self, attachment: Attachment) -> None:
        """What it needs there before it is begun."""

    async def _call(self, method: str, given: tuple[Any, ...], loads: bool) -> Any:
        assert self.attachment is not None
        try:
            for version in (one for one in given if isinstance(one, Version)):
                await self.attachment.bring(version)
            packed = self.attachment.values.packed(given)
        except (Lost, Refused) as error:
            raise self._lost(error) from error
        call = {"name": self.key, "method": method, "given": packed, "loads": loads}
        return self.attachment.values.read(await self._ask("call", call))

    async def _ask(self, act: str, value: Any) -> Any:
        assert self.attachment is not None
        try:
            found, _ = await self.attachment.link.ask(act, value)
        except Lost as error:
            raise self._lost(error) from error
        except Refused as error:
            raise as_here(error, f"{self.name} on {self.host.address}") from error
        return found

    def _lost(self, error: Exception) -> HostAway:
        return HostAway(f"{self.name} was on {self.host.address}, which is lost: {error}")

    async def _trouble(self) -> str:
        assert self.attachment is not None
        return await asyncio.shield(self.attachment.trouble(self.key))

    async def _end(self, deadline_s: float) -> None:
        if self.attachment is None:
            return
        with suppress(Lost, Refused):
            await self.attachment.link.ask("end", {"name": self.key, "deadline_s": deadline_s})
        self.attachment.troubles.pop(self.key, None)


class RemoteTrainer(RemoteProcess):
    """What it shows is mirrored here, for generators of other hosts; what it saves is written here."""

    async def _prepare(self, attachment: Attachment) -> None:
        """The weights that it begins with lie in the first slot."""
        await attachment.push(FIRST_SLOT)

    async def call(self, method: str, *given: Any, loads: bool = False) -> Any:
        if method == "start_is_in":  # a folder of this machine; the trainer keeps its start in memory
            return None
        if method in ("save", "save_base"):
            return await self._there(self._save(method, given))
        if method == "load":
            return await self._there(self._load(given))
        found = await super().call(method, *given, loads=loads)
        if method == "show":
            await self._there(self._mirror(found[0]))
        return found

    async def _mirror(self, version: Version) -> None:
        assert self.attachment is not None
        try:
            await self.attachment.fetch(version)
        except (Lost, Refused) as error:
            raise self._lost(error) from error

    async def _save(self, method: str, given: tuple[Any, ...]) -> None:
        folder = Path(await self._ask("folder", None))
        try:
            await self._call(method, (folder, *given[1:]), loads=True)
            await fetch_folder(self._link_ask, folder, given[0])
        finally:
            await self._ask("forget", str(folder))

    async def _load(self, given: tuple[Any, ...]) -> None:
        folder = Path(await self._ask("folder", None))
        try:
            await bring_folder(self._link_ask, given[0], folder)
            await self._call("load", (folder, *given[1:]), loads=True)
        finally:
            await self._ask("forget", str(folder))

    async def _link_ask(self, act: str, value: Any, blob: bytes = b"") -> tuple[Any, bytes]:
        assert self.attachment is not None
        try:
            return await self.attachment.link.ask(act, value, blob)
        except (Lost, Refused) as error:
            raise self._lost(error) from error


def as_here(error: Refused, who: str) -> Exception:
    """The error that a process of this machine would have raised."""
    if error.kind == "WorkerDied":
        return WorkerDied(f"{error.words} (on {who.rpartition(' on ')[2]})")
    kind = getattr(errors, error.kind, None)
    if isinstance(kind, type) and issubclass(kind, errors.StrawError):
        return kind(error.words)
    return WorkerRaised(f"{who}: {error.words}")
