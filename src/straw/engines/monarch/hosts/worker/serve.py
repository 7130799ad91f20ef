"""The worker: it listens, lets in who shows a certificate of the job, and works for one directing process at a time.

    main thread, the machine's network     the TLS port, the links
    thread of the wall                     Monarch, and the processes that it begins (see `processes.namespace`)

So nothing of Monarch is ever reachable from outside, and its sockets by nobody on this machine: what crosses from one
thread to the other are calls inside this process. Who went away leaves nothing: its processes are killed, its memory
and files are given back, and the next is let in.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from straw.engines.monarch.hosts.address import Address
from straw.engines.monarch.hosts.facts import facts_here
from straw.engines.monarch.hosts.host import BUSY
from straw.engines.monarch.hosts.wire import tls
from straw.engines.monarch.hosts.wire.link import Link, Lost, Refused
from straw.engines.monarch.hosts.worker.session import Make, Session
from straw.engines.monarch.processes import process as adapter
from straw.engines.monarch.processes.namespace import Wall
from straw.engines.monarch.processes.process import Process
from straw.errors import ConfigError

HANDSHAKE_S, HELLO_S, TIDY_S = 10.0, 10.0, 1.0
MOST_STRANGERS = 16  # that shake hands at a time


@dataclass(slots=True)
class Worker:
    address: Address
    bind: str  # where it listens, which is what the name means where nobody says otherwise
    context: ssl.SSLContext | None
    wall: Wall
    say: Callable[[str], None]
    idle_s: float | None = None  # it ends when nobody has called for so long
    make: Make = Process
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)  # behind the wall
    session: Session | None = None
    idle_since: float = field(default_factory=time.monotonic)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    strangers: int = 0

    async def serve(self) -> None:
        """Until it is told to end, or nobody called for long enough."""
        listening = bound(self.bind, self.address)
        thread = self.wall.begin(self.loop.run_forever, "processes")
        self.say(f"listens at {self.address}")
        try:
            self._begin(self._accept(listening))
            self._begin(self._tidy())
            await self.ending.wait()
        finally:
            listening.close()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join()
            self.loop.close()

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError):
                caller, peer = await loop.sock_accept(listening)
                if self.strangers < MOST_STRANGERS:
                    self._begin(self._let_in(caller, f"{peer[0]}"))
                    continue
                caller.close()
            await asyncio.sleep(0.05)

    async def _let_in(self, caller: socket.socket, peer: str) -> None:
        """Who shows no certificate of the job is heard no further."""
        self.strangers += 1
        try:
            reader, writer = await self._shaken_hands(caller)
        except Exception as error:
            caller.close()
            self.say(f"refused {peer}: {tls.reason(error)}")
            return
        finally:
            self.strangers -= 1
        await self._work_for(reader, writer, peer)

    async def _shaken_hands(self, caller: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        limit = HANDSHAKE_S if self.context is not None else None
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, caller, ssl=self.context, ssl_handshake_timeout=limit
        )
        transport.write(tls.WELCOME)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _work_for(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        session = Session(facts_here(), self.wall, self.loop, self.make)
        said: list[str] = []

        async def answer(act: str, value: Any, blob: bytes) -> tuple[Any, bytes]:
            if act == "hello":
                if self.session is not None:
                    raise Refused(BUSY, "it works for somebody else now")
                self.session = session
                said.append(f"{value['from']} ({peer})")
                self.say(f"works for {said[0]}")
            return await session.answer(act, value, blob)

        link = session.link = Link(reader, writer, answer, session.heard)
        patience = asyncio.ensure_future(self._unheard(link, session))
        try:
            await asyncio.shield(link.lost)
        finally:
            patience.cancel()
            await link.close()
            try:
                await session.close()
            finally:
                if self.session is session:
                    self.session, self.idle_since = None, time.monotonic()
                    self.say(f"is free again: {said[0]}: {link.why}")

    async def _unheard(self, link: Link, session: Session) -> None:
        """Who has a certificate and says nothing is not waited for."""
        try:
            await asyncio.wait_for(session.greeted.wait(), HELLO_S)
        except TimeoutError:
            await link.close()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            if self.session is not None and adapter.log is not None:
                with suppress(Lost, OSError):
                    await self.session.log(adapter.log.take())
            idle_s = time.monotonic() - self.idle_since
            if self.session is None and self.idle_s is not None and idle_s > self.idle_s:
                self.say(f"nobody called for {self.idle_s:g} s (idle_s)")
                self.ending.set()


def bound(host: str, address: Address) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        listening = socket.create_server(found[0][4][:2], family=found[0][0], backlog=64)
    except OSError as error:
        way_out = "write bind=0.0.0.0 where the name leads elsewhere from here, or another port where it is taken"
        raise ConfigError(f"a worker cannot listen at {address} ({tls.said_by(error)}): {way_out}") from error
    listening.setblocking(False)
    return listening
