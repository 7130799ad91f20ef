"""A worker as the directing process sees it: called, kept, and called again when it was lost.

    attach    connect (the address has to be in its certificate), compare versions, bring what is frozen
    lost      the connection ended, or nothing came for five seconds: whoever waits for its processes is told
    back      it is called every second until it answers; then it begins afresh, with new memory and new processes

A wrong certificate or another version at the start is no matter of time: then it is called no more.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from straw.engines.base import Tell
from straw.engines.monarch.hosts.address import Address
from straw.engines.monarch.hosts.attachment import Attachment
from straw.engines.monarch.hosts.facts import Facts, difference
from straw.engines.monarch.hosts.wire import tls
from straw.engines.monarch.hosts.wire.link import Link, Lost, Refused
from straw.engines.monarch.hosts.wire.values import Values
from straw.engines.monarch.memory.shared_memory import Shared
from straw.engines.monarch.processes.process import HostAway

CONNECT_S = 10.0
PAUSE_S = 1.0
BUSY = "Busy"


class Host:
    def __init__(
        self, address: Address, context: ssl.SSLContext | None, facts: Facts, greeting: Mapping[str, Any],
        memory: Mapping[str, Shared], values: Values, tell: Tell, log: Callable[[str, bytes], None],
    ) -> None:  # fmt: skip
        self.address, self.context, self.facts_here, self.greeting = address, context, facts, greeting
        self.memory, self.values, self.tell, self.log = memory, values, tell, log
        self.attachment: Attachment | None = None
        self.why = "it was not called yet"
        self.refusal = ""  # what no further call would change
        self.changed = asyncio.Condition()
        self.losses = self.pushes = self.pushed_bytes = 0

    @property
    def place(self) -> dict[str, object]:
        return {"host": str(self.address)}

    async def keep(self) -> None:
        """For as long as the engine lives."""
        while True:
            began = time.monotonic()
            try:
                attachment = await self._attach()
            except Exception as error:
                is_refused = not self.losses and not is_worth_a_try(error)  # who was there may be mended meanwhile
                await self._set(None, why_of(error), why_of(error) if is_refused else "")
                if is_refused:
                    return
                await asyncio.sleep(PAUSE_S)
                continue
            self._tell("host_attached", seconds=round(time.monotonic() - began, 3))
            await self._set(attachment)
            await asyncio.shield(attachment.link.lost)
            await self._lose(attachment)

    def _tell(self, event: str, **facts: object) -> None:
        """Who listens may fail, on a full disk for example; the run hears of that by itself."""
        with suppress(Exception):
            self.tell(event, **self.place, **facts)

    async def _set(self, attachment: Attachment | None, why: str = "", refusal: str = "") -> None:
        async with self.changed:
            self.attachment, self.why, self.refusal = attachment, why, refusal
            self.changed.notify_all()

    async def _lose(self, attachment: Attachment) -> None:
        why = attachment.link.why
        self.losses += 1
        self.pushes, self.pushed_bytes = self.pushes + attachment.pushes, self.pushed_bytes + attachment.pushed_bytes
        self._tell("host_lost", error=why)
        await self._set(None, why)
        attachment.end(f"was on {self.address}, which is lost: {why}")
        await attachment.link.close()

    async def _attach(self) -> Attachment:
        reader, writer = await asyncio.wait_for(self._let_in(), CONNECT_S)
        found: list[Attachment] = []

        def heard(what: str, value: Any, blob: bytes) -> None:
            for attachment in found:
                attachment.heard(what, value, lambda text: self.log(str(self.address), text), blob)

        link = Link(reader, writer, nobody_asks, heard)
        try:
            hello = {"facts": self.facts_here, **self.greeting}
            theirs, _ = await asyncio.wait_for(link.ask("hello", hello), CONNECT_S)
            if differs := difference(self.facts_here, theirs):
                raise Refused("ConfigError", differs)
            self.why = "what is frozen is still on its way there: write a longer attach_s"
            found.append(Attachment(link, self.values, self.memory))
            await found[0].prepare()
        except Exception as error:
            cause = link.lost.result() if link.lost.done() else error
            await link.close()
            raise cause from error
        except BaseException:
            await link.close()
            raise
        return found[0]

    async def _let_in(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self._connected()
        try:
            if await reader.readexactly(len(tls.WELCOME)) == tls.WELCOME:
                return reader, writer
            raise tls.NoWorker
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            writer.transport.abort()
            raise error if isinstance(error, tls.NoWorker) else tls.NotLetIn from error
        except BaseException:
            writer.transport.abort()
            raise

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self.address.host if self.context is not None else None
        return await asyncio.open_connection(
            self.address.host, self.address.port, ssl=self.context, server_hostname=name
        )

    async def attached(self, deadline_s: float) -> Attachment:
        """As soon as it is; HostAway where that takes too long, or will never be."""
        async with self.changed:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.changed.wait_for(lambda: self.attachment or self.refusal), deadline_s)
        if self.attachment is None:
            raise HostAway(f"{self.address} cannot be reached: {self.why}")
        return self.attachment

    def facts(self) -> dict[str, Any]:
        now = self.attachment
        pushes, pushed = (now.pushes, now.pushed_bytes) if now is not None else (0, 0)
        state = "attached" if now is not None else "away"
        counts = {"lost": self.losses, "pushes": self.pushes + pushes, "pushed_bytes": self.pushed_bytes + pushed}
        return {**self.place, "state": state, **counts}

    async def close(self) -> None:
        attachment, self.attachment = self.attachment, None
        if attachment is not None:
            with suppress(Lost, Refused, asyncio.TimeoutError):
                await asyncio.wait_for(attachment.link.ask("goodbye"), 2.0)
            await attachment.link.close()


async def nobody_asks(act: str, value: Any, blob: bytes) -> tuple[Any, bytes]:
    raise Refused("ConfigError", "a worker asks nothing")


def why_of(error: BaseException) -> str:
    return error.words if isinstance(error, Refused) else tls.reason(error)


def is_worth_a_try(error: BaseException) -> bool:
    return error.kind == BUSY if isinstance(error, Refused) else not tls.is_final(error)
