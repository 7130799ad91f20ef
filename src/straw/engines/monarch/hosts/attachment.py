"""What a host holds of ours for as long as one link to it lives: memory, the weights of versions, processes.

    trainer's slot here  ->  the host's slot of the same name, once, whoever on it needs them  ->  mapped by all there

A slot of the host is written over when the slot here was: nobody anywhere uses what lay there (see `trainer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from straw.engines.monarch.generator import Version
from straw.engines.monarch.hosts.wire.link import Link
from straw.engines.monarch.hosts.wire.values import Values
from straw.engines.monarch.memory.shared_memory import Shared, bytes_behind
from straw.files import MIB

CHUNK = MIB
BASE, FIRST_SLOT = "base", "slot-0"


def memory_by_name(slots: Sequence[Shared], base: Shared | None) -> dict[str, Shared]:
    """Under the names that all hosts know it by."""
    named = {f"slot-{index}": slot for index, slot in enumerate(slots)}
    return {**named, BASE: base} if base is not None else named


class Attachment:
    def __init__(self, link: Link, values: Values, memory: Mapping[str, Shared]) -> None:
        self.link, self.values, self.memory = link, values, memory
        self.troubles: dict[str, asyncio.Future[str]] = {}  # of processes there, by name
        self.held: dict[str, int] = {}  # what serial lies in a slot of the host
        self.locks = {name: asyncio.Lock() for name in memory}
        self.pushes = self.pushed_bytes = 0

    async def prepare(self) -> None:
        """Memory there under the same names; what is frozen is brought at once."""
        for name, shared in self.memory.items():
            places = self.values.packed(shared.handle.places)
            await self.link.ask("memory", {"name": name, "size": shared.handle.num_bytes, "places": places})
        if BASE in self.memory:
            await self.push(BASE)

    async def bring(self, version: Version) -> None:
        """The weights of a version, unless the host has them."""
        name = self.values.names[version.handle.path]
        async with self.locks[name]:
            if self.held.get(name) != version.serial:
                self.held.pop(name, None)
                await self.push(name)
                self.held[name] = version.serial
                self.pushes += 1

    async def push(self, name: str) -> None:
        data = bytes_behind(self.memory[name].handle)
        for start in range(0, len(data), CHUNK):
            await self.link.tell("write", {"name": name, "start": start}, data[start : start + CHUNK])
        await self.link.ask("written", name)  # messages keep their order
        self.pushed_bytes += len(data)

    async def fetch(self, version: Version) -> None:
        """What the trainer of that host has shown, into the slot here that mirrors its own."""
        name = self.values.names[version.handle.path]
        data = bytes_behind(self.memory[name].handle)
        async with self.locks[name]:
            for start in range(0, len(data), CHUNK):
                _, blob = await self.link.ask("read", {"name": name, "start": start, "size": CHUNK})
                data[start : start + len(blob)] = blob
            self.held[name] = version.serial

    def trouble(self, name: str) -> asyncio.Future[str]:
        """Why a process there has to be given up, as soon as it has to be."""
        return self.troubles.setdefault(name, asyncio.get_running_loop().create_future())

    def heard(self, what: str, value: Any, log: Callable[[bytes], None], blob: bytes) -> None:
        if what == "trouble":
            name, why = value
            if not (waiting := self.trouble(name)).done():
                waiting.set_result(why)
        elif what == "log":
            log(blob)

    def end(self, why: str) -> None:
        for waiting in self.troubles.values():
            if not waiting.done():
                waiting.set_result(why)
