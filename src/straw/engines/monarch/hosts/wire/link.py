"""One connection between two machines: requests and their answers in both directions, and a pulse.

    4 bytes  the length of the JSON     {"id": 7, "do": "call", "value": ...}      a request
    4 bytes  the length of the rest     {"id": 7, "value": ...}, {"id": 7, "error": [kind, words]}
    JSON                                {"tell": "trouble", "value": ...}          nobody answers
    the rest, bytes as they are         {}                                         a pulse

Every second something is sent. Who hears nothing for SILENT_S gives the other up: a machine that was switched off
says no farewell. Time in which this side itself was not running counts for nothing.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

from straw.engines.monarch.hosts.wire.tls import reason
from straw.errors import StrawError
from straw.files import MIB

SILENT_S, PULSE_S, LOOK_S = 5.0, 1.0, 0.5
LENGTHS = struct.Struct("!II")
MOST_JSON, MOST_BYTES = 256 * MIB, 4 * MIB
PIECE = 2**18

Answer = Callable[[str, Any, bytes], Awaitable[tuple[Any, bytes]]]
Heard = Callable[[str, Any, bytes], None]


class Refused(Exception):
    """The other side could not do it: the name of an error's class, and what it says."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind, self.words = kind, words


class Lost(Exception):
    """The link is no more."""


class Link:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer, heard: Heard
    ) -> None:
        """`answer` does what is asked for, one beside the other; `heard` takes what is told, in its order."""
        self.reader, self.writer, self.answer, self.heard = reader, writer, answer, heard
        self.waiting: dict[int, asyncio.Future[tuple[Any, bytes]]] = {}
        self.lost: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.draining = asyncio.Lock()
        self.count = self.sent_bytes = 0
        self.silent_s = 0.0
        self.sent_at = time.monotonic()
        self.answering: set[asyncio.Task[None]] = set()
        self.tasks = [asyncio.ensure_future(self._kept(work)) for work in (self._read, self._pulse)]

    async def ask(self, act: str, value: Any = None, blob: bytes | memoryview = b"") -> tuple[Any, bytes]:
        if self.lost.done():
            raise Lost(self.why)
        self.count += 1
        number = self.count
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._send({"id": number, "do": act, "value": value}, blob)
            return await answer
        finally:
            self.waiting.pop(number, None)

    async def tell(self, what: str, value: Any = None, blob: bytes | memoryview = b"") -> None:
        await self._send({"tell": what, "value": value}, blob)

    @property
    def why(self) -> str:
        return reason(self.lost.result()) if self.lost.done() else ""

    async def close(self) -> None:
        self._lose(ConnectionResetError())
        for task in (*self.tasks, *self.answering):
            task.cancel()
        await asyncio.wait([*self.tasks, *self.answering])
        self.writer.transport.abort()

    # --- inside --------------------------------------------------------------------------------

    async def _kept(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        if self.lost.done():
            return
        self.lost.set_result(error)
        self.writer.transport.abort()
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(Lost(self.why))

    async def _send(self, head: dict[str, Any], blob: bytes | memoryview = b"") -> None:
        text = json.dumps(head, separators=(",", ":")).encode() if head else b"{}"
        self.sent_at = time.monotonic()
        self.writer.write(b"".join((LENGTHS.pack(len(text), len(blob)), text, blob)))
        self.sent_bytes += LENGTHS.size + len(text) + len(blob)
        try:
            async with self.draining:
                await self.writer.drain()
        except OSError as error:
            self._lose(error)
            raise Lost(self.why) from error

    async def _read(self) -> None:
        while True:
            sizes = LENGTHS.unpack(await self._exactly(LENGTHS.size))
            if sizes[0] > MOST_JSON or sizes[1] > MOST_BYTES:
                raise ConnectionError("what came is no message of ours")
            head = json.loads(await self._exactly(sizes[0]))
            self._take(head, await self._exactly(sizes[1]))

    async def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(await self.reader.readexactly(min(size, PIECE)))
            size -= len(parts[-1])
            self.silent_s = 0.0
        return b"".join(parts)

    def _take(self, head: dict[str, Any], blob: bytes) -> None:
        if "tell" in head:
            self.heard(head["tell"], head.get("value"), blob)
        elif "do" in head:
            task = asyncio.ensure_future(self._answer(head, blob))
            self.answering.add(task)
            task.add_done_callback(self.answering.discard)
        elif "id" in head and (waiting := self.waiting.get(head["id"])) is not None and not waiting.done():
            if "error" in head:
                waiting.set_exception(Refused(*head["error"]))
            else:
                waiting.set_result((head.get("value"), blob))

    async def _answer(self, head: dict[str, Any], blob: bytes) -> None:
        number, more = head["id"], b""
        try:
            value, more = await self.answer(head["do"], head.get("value"), blob)
            answer = {"id": number, "value": value}
        except Refused as error:
            answer = {"id": number, "error": [error.kind, error.words]}
        except StrawError as error:
            answer = {"id": number, "error": [type(error).__name__, str(error)]}
        except Exception as error:
            answer = {"id": number, "error": ["WorkerRaised", f"{type(error).__name__}: {error}"]}
        try:
            await self._send(answer, more)
        except Lost:
            return
        except Exception as error:  # whoever asked hears nothing, and would wait for ever
            self._lose(error)

    async def _pulse(self) -> None:
        """Sends when nothing else is sent, and gives up who is silent."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            self.silent_s += min(now - before, 2 * LOOK_S)
            before = now
            if self.silent_s > SILENT_S:
                raise TimeoutError
            if now - self.sent_at >= PULSE_S:
                self.sent_at = now
                self.writer.write(LENGTHS.pack(2, 0) + b"{}")  # without a wait: where nothing leaves, nothing comes
