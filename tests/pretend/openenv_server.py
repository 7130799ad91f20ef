"""A server that says to an OpenEnv client what it is told to: in a thread, over frames of the same codec."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from straw.tasks.openenv.frames import CLOSE, PING, TEXT, accepted, frame, read_message

Message = Mapping[str, Any]
Answer = Callable[["Visit", Message], Any]  # a dict is sent, a text as it is, None closes without a word
TEXT_ACTION = {"properties": {"message": {"type": "string"}, "metadata": {}}, "required": ["message"]}


@dataclass(slots=True)
class Visit:
    """One socket."""

    number: int
    steps: int = 0
    seeds: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Pretend:
    answer: Answer
    action: Mapping[str, Any] = field(default_factory=lambda: TEXT_ACTION)
    capacity: int = 100
    visits: list[Visit] = field(default_factory=list)
    most_at_once: int = 0
    here: int = 0
    port: int = 0
    loop: asyncio.AbstractEventLoop | None = None
    tasks: set[Any] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if not head.startswith("GET /ws "):
            body = json.dumps({"action": self.action}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            return writer.close()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accepted(key.encode())
        )
        self.here += 1
        try:
            await self.talk(reader, writer)
        except asyncio.CancelledError:
            pass  # it is gone
        finally:
            self.here -= 1
            writer.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def send(kind: int, data: bytes) -> None:
            writer.write(frame(kind, data, masked=False))

        if self.here > self.capacity:
            said = {"type": "error", "data": {"code": "CAPACITY_REACHED", "message": f"{self.capacity} are here"}}
            send(TEXT, json.dumps(said).encode())
            return send(CLOSE, b"")
        self.most_at_once = max(self.most_at_once, self.here)
        self.visits.append(visit := Visit(len(self.visits)))
        while (text := await read_message(reader, send, 1 << 20)) is not None:
            send(PING, b"are you there")
            message = json.loads(text)
            visit.steps += message["type"] == "step"
            if message["type"] == "reset":
                visit.steps = 0
                visit.seeds.append(message["data"]["seed"])
            said = self.answer(visit, message)
            if asyncio.iscoroutine(said):
                said = await said
            if said is None:
                return
            send(TEXT, said.encode() if isinstance(said, str) else json.dumps(said).encode())


def observed(text: str, reward: float | None = None, done: bool = False) -> dict[str, Any]:
    return {"type": "observation", "data": {"observation": {"text": text}, "reward": reward, "done": done}}


def echo(visit: Visit, message: Message) -> Any:
    """Pays for the length of what is said; three steps are an episode."""
    if message["type"] == "reset":
        return observed("go on")
    if message["type"] == "state":
        return {"type": "state", "data": {"step_count": visit.steps}}
    said = message["data"]["message"]
    return observed(f"you said {said}", len(said) / 10, visit.steps == 3)


@contextmanager
def serving(answer: Answer = echo, **more: Any) -> Iterator[Pretend]:
    """Until the end of the block; `stopped` ends it earlier."""
    pretend, ready = Pretend(answer, **more), Event()
    bound = socket.create_server(("127.0.0.1", 0))
    pretend.port = bound.getsockname()[1]

    def run() -> None:
        async def serve() -> None:
            pretend.loop = asyncio.get_running_loop()
            server = await asyncio.start_server(pretend.come, sock=bound)
            ready.set()
            try:
                await server.serve_forever()
            except asyncio.CancelledError:
                for task in pretend.tasks:
                    task.cancel()

        asyncio.run(serve())

    thread = Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield pretend
    finally:
        stopped(pretend)
        thread.join(10)


def stopped(pretend: Pretend) -> None:
    """It is gone, with every socket."""
    loop = pretend.loop
    if loop is not None and loop.is_running():
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
