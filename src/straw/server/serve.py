"""From a model's name to a server that listens, until Ctrl-C.

The socket is bound before the model is read, so that a port that is taken is told at once; lines to paste are said when
the server answers. Everything it keeps lies in one folder, which one server at a time may have.
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from straw.engines.tenants.backend import Backend
from straw.errors import ConfigError
from straw.files import FOLDER_MODE, took_lock
from straw.server.desk.keys import Keys
from straw.server.desk.settings import Settings
from straw.server.service import Service
from straw.server.wire.limits import Limits

Say = Callable[[str], None]
OWN = ("127.0.0.1", "::1", "localhost")
BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where it listens. `certificate` and `private_key` make it TLS; `keys` are those that get in, none: any."""

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    private_key: Path | None = None
    keys: Sequence[str] = ()

    @property
    def is_loopback(self) -> bool:
        return self.host in OWN or self.host.startswith("127.")

    def url(self, port: int) -> str:
        name = "127.0.0.1" if self.host in ("0.0.0.0", "localhost") else self.host
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is served, and from which folder."""

    folder: Path
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=Limits)
    aliases: Mapping[str, Path] = field(default_factory=dict)
    most_bytes: int = 100 << 30


def serve(make: Callable[[], Backend], served: Served, address: Address, say: Say, tell: Callable[[str], None]) -> None:
    """`make` reads the model; `tell` hears the server's address when it answers."""
    import uvicorn

    bound = bound_to(address)
    lock = locked(served.folder)
    try:
        app = made(read_quickly(make), served, address, say)
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, lifespan="on", ws="none", server_header=False,
            date_header=False, http="h11", timeout_graceful_shutdown=1, timeout_keep_alive=75, backlog=BACKLOG,
            h11_max_incomplete_event_size=65_536, ssl_certfile=address.certificate, ssl_keyfile=address.private_key,
        )  # fmt: skip
        with suppress(KeyboardInterrupt):  # which uvicorn hands on when it has closed everything
            Telling(config, lambda: tell(address.url(bound.getsockname()[1]))).run(sockets=[bound])
    finally:
        bound.close()
        os.close(lock)


def read_quickly(make: Callable[[], Backend]) -> Backend:
    """Importing what reads a model makes so many objects that looking for garbage among them takes a fifth of the time;
    none of them ever is.
    """
    gc.disable()
    try:
        return make()
    finally:
        gc.freeze()
        gc.enable()


def made(backend: Backend, served: Served, address: Address, say: Say) -> Any:
    """The app with every room that is there."""
    from straw.server.beside import beside
    from straw.server.routes.app import make_app

    limits = replace(served.limits, vocabulary=backend.facts.vocabulary)
    service = Service(
        backend, served.folder, served.settings, limits, Keys(address.keys), served.aliases,
        most_bytes=served.most_bytes,
    )  # fmt: skip
    service.worker.watching.say = say
    return make_app(service, beside(service, served.folder), is_loopback=address.is_loopback)


def Telling(config: Any, told: Callable[[], None]) -> Any:
    """A server that says so when it has begun."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                told()

    return Server(config)


def locked(folder: Path) -> int:
    """The folder, ours alone as long as this process lives."""
    folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    os.chmod(folder, 0o700)  # it holds what clients sent
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if took_lock(descriptor) is False:
        os.close(descriptor)
        raise ConfigError(f"another server has the folder {folder}: end that one, or write folder=ANOTHER")
    return descriptor


def bound_to(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
        bound.listen(BACKLOG)
    except OSError as problem:
        bound.close()
        raise ConfigError(
            f"straw serve listens at one port, and {address.host}:{address.port} cannot be had ({problem.strerror}): "
            "choose another, port=8001, or any that is free, port=0"
        ) from problem
    return bound
