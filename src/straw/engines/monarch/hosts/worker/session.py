"""What a worker does for the directing process that called it, and takes back when that is gone.

    hello     versions are compared, room is looked for        memory, write, read    slots and weights
    begin     a generator or a trainer, as on that machine     folder, files, get,    a checkpoint on its way
    call      one of its methods                               put, forget
    end       it is killed                                     goodbye

Processes are begun behind the wall of this machine, watched here, and killed here.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch

from straw.config import Page
from straw.engines.monarch.generator import Generator
from straw.engines.monarch.hosts.facts import Facts, difference
from straw.engines.monarch.hosts.travel import files_in, inside
from straw.engines.monarch.hosts.wire.link import Link, Lost, Refused
from straw.engines.monarch.hosts.wire.values import Values
from straw.engines.monarch.memory.memory_check import available_memory, check_files, check_room
from straw.engines.monarch.memory.shared_memory import Shared, bytes_behind
from straw.engines.monarch.processes.namespace import Wall, check_closed
from straw.engines.monarch.processes.process import Process, WorkerDied, lacks_in_a_line
from straw.engines.monarch.trainer import Trainer
from straw.errors import ConfigError

WORKERS: dict[str, type] = {"Generator": Generator, "Trainer": Trainer}
GIB = 2**30
Make = Callable[..., Process]


class Session:
    def __init__(self, facts: Facts, wall: Wall, loop: asyncio.AbstractEventLoop, make: Make = Process) -> None:
        """`loop`: where processes live, behind the wall."""
        self.facts, self.wall, self.loop, self.make = facts, wall, loop, make
        self.link: Link | None = None
        self.values = Values()
        self.memory: dict[str, Shared] = {}
        self.bytes: dict[str, memoryview] = {}
        self.processes: dict[str, Process] = {}
        self.places: dict[str, int] = {}  # among them, for as long as they are here
        self.folders: set[Path] = set()
        self.watching: set[asyncio.Task[None]] = set()
        self.greeted = asyncio.Event()

    async def answer(self, act: str, value: Any, blob: bytes) -> tuple[Any, bytes]:
        if act not in ACTS or (act != "hello" and not self.greeted.is_set()):
            raise Refused("ConfigError", f"a worker does not know {act!r} now")
        found = await ACTS[act](self, value, blob)
        return found if isinstance(found, tuple) else (found, b"")

    def heard(self, what: str, value: Any, blob: bytes) -> None:
        """Pieces of weights, in their order."""
        if what == "write" and self.greeted.is_set():
            name, start = value["name"], int(value["start"])
            if 0 <= start <= len(self.bytes[name]) - len(blob):
                self.bytes[name][start : start + len(blob)] = blob

    async def hello(self, value: Any, blob: bytes) -> Facts:
        """Who is not told our facts compares for himself."""
        if not difference(value["facts"], self.facts):
            room = value["room"]
            check_files(room["num_generators"])
            check_room(
                room["num_generators"], room["trained_bytes"], room["model_bytes"], room["slots"],
                trains=room["trains"], packed_bytes=room["packed_bytes"],
            )  # fmt: skip
            self.greeted.set()
        return self.facts

    async def take_memory(self, value: Any, blob: bytes) -> None:
        name, size = value["name"], int(value["size"])
        if size > available_memory():
            raise ConfigError(
                f"weights have to fit into the memory of a host; {size / GIB:.1f} GiB are wanted, and "
                f"{available_memory() / GIB:.1f} GiB are free"
            )
        with lacks_in_a_line():
            shared = Shared(self.values.read(value["places"]))
        self.memory[name], self.bytes[name] = shared, bytes_behind(shared.handle)
        self.values.know(name, shared.handle)

    async def written(self, value: Any, blob: bytes) -> None: ...

    async def read(self, value: Any, blob: bytes) -> tuple[None, bytes]:
        start = int(value["start"])
        return None, bytes(self.bytes[value["name"]][start : start + int(value["size"])])

    async def begin(self, value: Any, blob: bytes) -> int | None:
        name, worker = value["name"], WORKERS[value["worker"]]
        given, patience = (self.values.read(value[one]) for one in ("given", "patience"))

        self.places[name] = place = next(one for one in count() if one not in self.places.values())
        own = spread(given, place)

        async def begun() -> Process:
            process = self.make(name.partition(".")[0], worker, *own, patience=patience)
            self.processes[name] = process
            await process.start()
            return process

        try:
            process = await self._there(begun())
        except BaseException:
            await self.end({"name": name}, b"")
            raise
        check_closed(self.wall)
        watching = asyncio.ensure_future(self._watch(name, process))
        self.watching.add(watching)
        watching.add_done_callback(self.watching.discard)
        return process.pid

    async def _watch(self, name: str, process: Process) -> None:
        why = await self._there(process.trouble())
        with suppress(Lost):
            await self._tell("trouble", [name, why])

    async def call(self, value: Any, blob: bytes) -> Any:
        process, method = self.processes.get(value["name"]), value["method"]
        if process is None:
            raise WorkerDied("was ended before")
        if method.startswith("_") or not any(callable(vars(one).get(method)) for one in WORKERS.values()):
            raise ConfigError(f"a worker has no {method!r}")
        given = self.values.read(value["given"])
        return self.values.packed(await self._there(process.call(method, *given, loads=value["loads"])))

    async def end(self, value: Any, blob: bytes) -> None:
        process = self.processes.pop(value["name"], None)
        self.places.pop(value["name"], None)
        if process is not None:
            deadline_s = float(value.get("deadline_s", 0.0))
            await self._there(process.stop(deadline_s) if deadline_s else process.bury(2.0))

    async def folder(self, value: Any, blob: bytes) -> str:
        made = Path(tempfile.mkdtemp(prefix="straw-"))
        self.folders.add(made)
        return str(made)

    def _own(self, name: str) -> Path:
        if Path(name) not in self.folders:
            raise ConfigError(f"{name} is no folder of this session")
        return Path(name)

    async def files(self, value: Any, blob: bytes) -> list[list[Any]]:
        return [list(one) for one in files_in(self._own(value))]

    async def get(self, value: Any, blob: bytes) -> tuple[None, bytes]:
        with inside(self._own(value["folder"]), value["file"]).open("rb") as file:
            file.seek(int(value["start"]))
            return None, file.read(int(value["size"]))

    async def put(self, value: Any, blob: bytes) -> None:
        target = inside(self._own(value["folder"]), value["file"])
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            file.write(blob)

    async def forget(self, value: Any, blob: bytes) -> None:
        shutil.rmtree(self._own(value), ignore_errors=True)
        self.folders.discard(Path(value))

    async def goodbye(self, value: Any, blob: bytes) -> None:
        await self.close()

    async def log(self, text: bytes) -> None:
        """What Monarch wrote here, into the run's folder."""
        if text and self.greeted.is_set():
            await self._tell("log", None, text)

    async def _tell(self, what: str, value: Any, blob: bytes = b"") -> None:
        if self.link is not None:
            await self.link.tell(what, value, blob)

    async def _there(self, work: Any) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def close(self) -> None:
        """No process, no memory and no file is left."""
        self.greeted.clear()
        for watching in self.watching:
            watching.cancel()
        is_known, here = asyncio.Event(), asyncio.get_running_loop()  # what is just being begun, by then
        self.loop.call_soon_threadsafe(lambda: here.call_soon_threadsafe(is_known.set))
        await is_known.wait()
        await asyncio.gather(*(self.end({"name": name}, b"") for name in [*self.processes]), return_exceptions=True)
        self.bytes.clear()
        for shared in self.memory.values():
            shared.close()
        self.memory.clear()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.folders.clear()


def spread(given: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    """A card for each process, in turn, where there are several."""
    page, *rest = given or (None,)
    if not isinstance(page, Page) or page.model.device != "cuda" or (cards := torch.cuda.device_count()) < 2:
        return given
    return (replace(page, model=replace(page.model, device=f"cuda:{number % cards}")), *rest)


ACTS = {
    "hello": Session.hello, "memory": Session.take_memory, "written": Session.written, "read": Session.read,
    "begin": Session.begin, "call": Session.call, "end": Session.end, "folder": Session.folder,
    "files": Session.files, "get": Session.get, "put": Session.put, "forget": Session.forget,
    "goodbye": Session.goodbye,
}  # fmt: skip
