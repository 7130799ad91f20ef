"""The server: at this machine's own address, in this process, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_urlsafe

import uvicorn

from straw.errors import ConfigError
from straw.ui.reading.runs import Runs
from straw.ui.server.app import Server

NICE = 10
OWN = ("127.0.0.1", "::1", "localhost")


class Seldom(uvicorn.Server):
    """Looks whether it is over twice a second, and not ten times: that is all a server costs that nobody asks."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.5)


def serve(folder: Path, host: str, port: int, say: Callable[[str], None]) -> None:
    """Returns when the person ends it."""
    bound = bound_to(host, port)
    port = bound.getsockname()[1]
    token = token_urlsafe(24)
    app = Server(Runs(folder)).app(token=token, port=port, on_the_network=host not in OWN)
    name = "127.0.0.1" if host in ("0.0.0.0", *OWN) else f"[{host}]" if ":" in host else host
    say(f"straw ui shows {folder} at")
    say(f"  http://{name}:{port}/?token={token}")
    say("the address is good until you end this with Ctrl-C")
    with suppress(OSError):  # runs go first where cores are few
        os.nice(NICE)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", ws="none", server_header=False, date_header=False,
        timeout_graceful_shutdown=1, limit_concurrency=64, h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    try:
        with suppress(KeyboardInterrupt):  # which uvicorn hands on when it has closed everything
            Seldom(config).run(sockets=[bound])
    finally:
        bound.close()


def bound_to(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(64)  # so that the address is good as soon as it is printed
    except OSError as problem:
        bound.close()
        raise ConfigError(
            f"straw ui listens at one port, and {host}:{port} cannot be had ({problem.strerror}): "
            "choose another, port=8766, or any that is free, port=0"
        ) from problem
    return bound
