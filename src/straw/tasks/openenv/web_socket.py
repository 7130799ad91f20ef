"""Web sockets for a program that waits: many at once, all in one thread that answers pings while nobody asks.

    opened = in_thread(WebSocket.open("ws://127.0.0.1:8000/ws", seconds=10))       a future; .result() is the socket
    in_thread(socket.ask('{"type": "reset"}', seconds=60)).result()

The thread is made when it is first needed and keeps nothing alive. A socket whose answer came too late is closed: the
next answer would be taken for that of another question.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
from asyncio import Queue, StreamReader, StreamWriter
from base64 import b64encode
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

from straw.tasks.openenv.frames import CLOSE, TEXT, BadFrame, accepted, frame, read_message

MOST_BYTES = 100 << 20  # of a message, as in OpenEnv's own client
END_S = 1.0
Found = TypeVar("Found")


class SocketGone(Exception):
    """It cannot be opened, was closed, or did not answer in time: with the reason."""


class Background:
    """The thread; a process that was forked makes its own."""

    def __init__(self) -> None:
        self.lock, self.pid, self.loop = Lock(), 0, asyncio.new_event_loop()

    def running(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.pid != os.getpid():
                self.pid, self.loop = os.getpid(), asyncio.new_event_loop()
                Thread(target=self.loop.run_forever, name="web sockets", daemon=True).start()
                atexit.register(self.end)
            return self.loop

    def end(self) -> None:
        """With the program: every socket is left in order."""
        if self.pid == os.getpid():
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(all_ended(), self.loop).result(END_S)


async def all_ended() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


BACKGROUND = Background()


def in_thread(work: Coroutine[Any, Any, Found]) -> Future[Found]:
    return asyncio.run_coroutine_threadsafe(work, BACKGROUND.running())


class WebSocket:
    """One connection. Its methods run in the thread."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, place: str) -> None:
        self.reader, self.writer, self.place = reader, writer, place
        self.inbox: Queue[str | SocketGone] = Queue()
        self.is_open = True
        self.listening = asyncio.create_task(self.listen())

    @classmethod
    async def open(cls, url: str, seconds: float) -> WebSocket:
        place = urlsplit(url)
        secure = place.scheme in ("wss", "https")
        port = place.port or (443 if secure else 80)
        context = ssl.create_default_context() if secure else None
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection(place.hostname, port, ssl=context, limit=1 << 20)
                await shake_hands(reader, writer, place.netloc, place.path or "/")
        except TimeoutError:
            raise SocketGone(f"{place.netloc} does not answer within {seconds:g} seconds") from None
        except OSError as error:
            raise SocketGone(f"{place.netloc} cannot be reached ({why(error)})") from None
        except asyncio.IncompleteReadError:
            raise SocketGone(f"{place.netloc} closed the connection before it was one") from None
        return cls(reader, writer, place.netloc)

    async def ask(self, text: str, seconds: float) -> str:
        """Say it, and wait for the next text."""
        self.send(TEXT, text.encode())
        try:
            async with asyncio.timeout(seconds):
                found = await self.inbox.get()
        except TimeoutError:
            self.close()
            raise SocketGone(f"{self.place} did not answer within {seconds:.3g} seconds") from None
        if isinstance(found, SocketGone):
            self.inbox.put_nowait(found)  # for whoever asks next
            raise found
        return found

    async def listen(self) -> None:
        gone = SocketGone(f"{self.place} closed the connection")
        try:
            while (text := await read_message(self.reader, self.send, MOST_BYTES)) is not None:
                self.inbox.put_nowait(text)
        except BadFrame as error:
            gone = SocketGone(f"{self.place} is no web socket that straw can read: {error}")
        except OSError as error:
            gone = SocketGone(f"{self.place} closed the connection ({why(error)})")
        self.inbox.put_nowait(gone)
        self.close()

    def send(self, kind: int, data: bytes) -> None:
        if self.is_open:
            with suppress(OSError):  # then listening says why
                self.writer.write(frame(kind, data, masked=True))

    def close(self) -> None:
        if self.is_open:
            self.send(CLOSE, b"\x03\xe8")  # 1000, as agreed
            self.is_open = False
            self.writer.close()


async def shake_hands(reader: StreamReader, writer: StreamWriter, host: str, path: str) -> None:
    key = b64encode(os.urandom(16))
    lines = [
        f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}", "Sec-WebSocket-Version: 13", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise SocketGone(f"{host} is no web socket: its answer does not end") from None
    first, *rest = head.decode("latin-1").split("\r\n")
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    if " 101 " not in f"{first} " or named.get("sec-websocket-accept") != accepted(key).decode():
        writer.close()
        raise SocketGone(f"{host} has no web socket at {path} (it answers {first[:60]!r})")


def why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
