"""A server for other people's trainers, in a few addresses: what an OpenEnv client asks for, and no more.

    GET /health, /schema, /metadata        WS /ws        one session for each socket

The standard library alone: HTTP is read as far as these need it. It listens at this machine's own address unless told
otherwise, and there only under a name of this machine, so that no page in a browser can reach it.
"""

from __future__ import annotations

import asyncio
import json
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from straw.server.play.game import Game
from straw.server.play.openenv import answer, error, schemas
from straw.tasks.openenv.frames import CLOSE, TEXT, BadFrame, accepted, frame, read_message
from straw.tasks.openenv.sessions import is_loopback

MOST_HEAD, MOST_MESSAGE = 16_384, 4 << 20
HEAD_S = 30.0
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 421: "Misdirected Request"}


class BadRequest(Exception):
    """With a status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Players:
    """Who is there: each socket has a sitting of its own."""

    game: Game
    most: int
    on_the_network: bool = False
    sittings: set[int] = field(default_factory=set)

    async def come(self, reader: StreamReader, writer: StreamWriter) -> None:
        """A connection, from its first line to its end."""
        try:
            async with asyncio.timeout(HEAD_S):
                path, head = await head_of(reader)
            self.check(head)
            if path == "/ws" and (key := head.get("sec-websocket-key")):
                await self.play(reader, writer, key)
            else:
                writer.write(reply(200, self.told(path)))
        except BadRequest as bad:
            writer.write(reply(bad.status, {"detail": str(bad)}))
        except (TimeoutError, OSError, BadFrame, asyncio.IncompleteReadError):
            pass  # nobody is there who could be told
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def check(self, head: Mapping[str, str]) -> None:
        """No page of a browser, whose site's name can be made to point here."""
        origin = head.get("origin")
        if self.on_the_network:
            return
        if not is_loopback(f"http://{head.get('host', '')}") or (origin is not None and not is_loopback(origin)):
            raise BadRequest(421, "this is not an address of this server: use 127.0.0.1 or localhost")

    def told(self, path: str) -> dict[str, Any]:
        name = self.game.task.name
        known = {
            "/health": lambda: {"status": "healthy"},
            "/schema": lambda: schemas(name),
            "/metadata": lambda: {"name": name, "description": f"{name}, a task of straw", "version": "1"},
        }
        if path not in known:
            raise BadRequest(404, f"this server has {', '.join(known)} and a web socket at /ws")
        return known[path]()

    async def play(self, reader: StreamReader, writer: StreamWriter, key: str) -> None:
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Accept: {accepted(key.encode('latin-1')).decode()}", "", "")  # fmt: skip
        writer.write("\r\n".join(lines).encode("latin-1"))

        def send(kind: int, data: bytes) -> None:
            writer.write(frame(kind, data, masked=False))

        if len(self.sittings) >= self.most:
            full = f"there are {self.most} sessions already"
            said = error("CAPACITY_REACHED", full, active_sessions=len(self.sittings), max_sessions=self.most)
            send(TEXT, json.dumps(said).encode())
            return send(CLOSE, b"\x03\xe8")
        sitting = self.game.sitting()
        self.sittings.add(id(sitting))
        try:
            while (text := await read_message(reader, send, MOST_MESSAGE)) is not None:
                answered = await asyncio.to_thread(answer, sitting, text)
                if answered is None:
                    return send(CLOSE, b"\x03\xe8")
                send(TEXT, json.dumps(answered).encode())
                await writer.drain()
        finally:
            self.sittings.discard(id(sitting))
            sitting.leave()


async def head_of(reader: StreamReader) -> tuple[str, dict[str, str]]:
    """The path, and the lines of the head by their names in small letters."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise BadRequest(400, f"a request's head has {MOST_HEAD:,} bytes at most") from None
    first, *rest = text.split("\r\n")
    words = first.split()
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or words[0] != "GET":
        raise BadRequest(400, "this server answers GET, and speaks over its web socket")
    named = (line.partition(":") for line in rest if line)
    return urlsplit(words[1]).path, {name.strip().lower(): value.strip() for name, _, value in named}


def reply(status: int, body: Mapping[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = (f"HTTP/1.1 {status} {REASONS[status]}", "Content-Type: application/json", f"Content-Length: {len(data)}",
            "Connection: close", "", "")  # fmt: skip
    return "\r\n".join(head).encode() + data


def serve(game: Game, bound: socket.socket, *, most: int, on_the_network: bool, tell: Callable[[], None]) -> None:
    """Until Ctrl-C; `tell` is called when it answers."""

    async def run() -> None:
        players = Players(game, most, on_the_network)
        server = await asyncio.start_server(players.come, sock=bound, limit=MOST_HEAD)
        tell()
        async with server:
            await server.serve_forever()

    with suppress(KeyboardInterrupt):
        asyncio.run(run())
