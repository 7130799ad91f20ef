"""A worker in a thread of this process, whose processes are none: what there is of it beside Monarch."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from straw.engines.monarch.generator import Version
from straw.engines.monarch.hosts.address import Address
from straw.engines.monarch.hosts.worker.serve import Worker
from straw.engines.monarch.memory.shared_memory import mapped
from straw.engines.monarch.worker_pool import started


class Fake:
    """A process as a session sees one; it tells of the weights that it was shown."""

    made: list[Fake] = []  # noqa: RUF012

    def __init__(self, name: str, worker: type, *given: Any, patience: Any) -> None:
        self.name, self.worker, self.given, self.patience, self.pid = name, worker, given, patience, 4711
        self.death = asyncio.Event()
        self.ended = False
        Fake.made.append(self)

    async def start(self) -> None: ...

    async def call(self, method: str, *given: Any, loads: bool = False) -> Any:
        if method == "show":
            return Version(3, 3, self.given[1][0]), True
        if method in ("save", "load"):
            return self._keep(method, given[0])
        if isinstance(given[0], Version):
            return given[0].serial, {name: tensor.tolist() for name, tensor in mapped(given[0].handle).items()}
        if given == ("wait",):
            await self.death.wait()
        return given

    def _keep(self, method: str, folder: Path) -> list[str]:
        if method == "save":
            (folder / "weights").write_bytes(b"w" * 3_000_000)
            (folder / "adapter").mkdir()
            (folder / "adapter" / "empty").touch()
        return sorted(f"{path.name} {path.stat().st_size}" for path in folder.rglob("*") if path.is_file())

    async def trouble(self) -> str:
        await self.death.wait()
        return "died"

    async def stop(self, deadline_s: float = 0.0) -> None:
        self.ended = True

    bury = stop


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def working(address: Address, context: ssl.SSLContext | None, **more: Any) -> Iterator[tuple[Worker, list[str]]]:
    """What it says is gathered."""
    said: list[str] = []
    wall: Any = SimpleNamespace(begin=started, missing="no Monarch is begun")
    worker = Worker(address, address.host, context, wall, said.append, make=Fake, **more)  # type: ignore[arg-type]
    loops: list[asyncio.AbstractEventLoop] = []

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        await worker.serve()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    until(lambda: bool(said))
    try:
        yield worker, said
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loops[0].call_soon_threadsafe(worker.ending.set)
        thread.join()


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)
