"""OpenEnv's protocol, as its generic client speaks it: one web socket is one session with an environment of its own.

    server = Server("http://127.0.0.1:8000")
    session = await server.open(seconds)              Refused("CAPACITY_REACHED") where it has no more to give
    await session.ask("reset", {"seed": 7}, seconds)  {"observation": {...}, "reward": None, "done": False}
    await session.ask("step", action, seconds)        the same
    await session.ask("state", None, seconds)         {"episode_id": ..., "step_count": 1}

What the server refuses is a `Refused` with its code: an action that does not fit, an environment that raised. What it
does not answer at all is a `SocketGone`.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from straw.tasks.openenv.web_socket import SocketGone, WebSocket
from straw.text.tools.calls import spelled_out

FULL = "CAPACITY_REACHED"
DEADLY = (FULL, "FACTORY_ERROR", "SESSION_ERROR")  # codes behind which the server closes
MOST_SCHEMA = 4 << 20
ANSWERS = {"reset": "observation", "step": "observation", "state": "state"}


class Refused(Exception):
    """The server's own error, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers at `url`."""

    url: str  # http://HOST:PORT or https://HOST, no slash at its end

    @property
    def socket_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/ws"

    async def open(self, seconds: float) -> Session:
        """A server that is full says so behind the handshake, so it is asked something."""
        session = Session(await WebSocket.open(self.socket_url, seconds))
        try:
            await session.ask("state", None, seconds)
        except Refused as refused:
            if refused.code in DEADLY:
                session.close()
                raise
        return session

    def schema(self, seconds: float) -> Mapping[str, Any]:
        """Of actions, observations and the state."""
        handlers = [urllib.request.ProxyHandler({})] if is_loopback(self.url) else []
        try:
            with urllib.request.build_opener(*handlers).open(f"{self.url}/schema", timeout=seconds) as answer:
                found = json.loads(answer.read(MOST_SCHEMA))
        except urllib.error.HTTPError as error:
            raise SocketGone(f"{self.url} is no OpenEnv server: it answers {error.code} to /schema") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise SocketGone(f"{self.url} cannot be reached ({getattr(reason, 'strerror', None) or reason})") from None
        except ValueError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("action"), dict):
            raise SocketGone(f"{self.url} is no OpenEnv server: its /schema names no action")
        return found


class Session:
    """An environment of one's own, until the socket is closed."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket

    @property
    def is_open(self) -> bool:
        return self.socket.is_open

    async def ask(self, kind: str, data: Mapping[str, Any] | None, seconds: float) -> dict[str, Any]:
        if seconds <= 0:
            raise SocketGone(f"{self.socket.place} had no time left")
        message = {"type": kind} if data is None else {"type": kind, "data": data}
        return answered(kind, await self.socket.ask(json.dumps(message), seconds), self.socket.place)

    def close(self) -> None:
        self.socket.close()


def answered(kind: str, text: str, place: str) -> dict[str, Any]:
    try:
        found = spelled_out(json.loads(text))
    except (ValueError, RecursionError):
        found = None
    data = found.get("data") if isinstance(found, dict) else None
    if not isinstance(data, dict) or "type" not in found:
        raise SocketGone(f"{place} does not speak OpenEnv's protocol: it said {text[:80]!r}")
    if found["type"] == "error":
        raise Refused(str(data.get("code", "")), said_in(data))
    if found["type"] != ANSWERS[kind]:
        raise SocketGone(f"{place} answered {kind} with {str(found['type'])[:40]!r}")
    return data


def said_in(data: Mapping[str, Any]) -> str:
    """With pydantic's reasons, where an action does not fit: message: Field required."""
    errors = data.get("errors")
    if isinstance(errors, list) and errors and all(isinstance(one, dict) for one in errors):
        reasons = [f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg', '')}" for one in errors]
        return "; ".join(reasons)[:500]
    return str(data.get("message", "no reason"))[:500]


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
