"""The sessions that a task has with its server: as many as are wanted, or as it gives.

A server says how many it has (the one that `openenv init` makes: one), and episodes are then played so many at a time.
A session is used again, by a reset, and replaced where it was closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from straw.tasks.openenv.local_server import LocalServer
from straw.tasks.openenv.sessions import Refused, Server, Session
from straw.tasks.openenv.web_socket import SocketGone, in_thread

OPEN_S = 10.0


@dataclass(slots=True)
class Pool:
    place: Server | LocalServer
    idle: list[Session] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    known: Mapping[str, Any] | None = None  # the schemas, which a server that was begun again has too
    reason: str | None = None  # why there are no more sessions than there are

    def server(self) -> Server:
        return self.place.running() if isinstance(self.place, LocalServer) else self.place

    def schema(self) -> Mapping[str, Any]:
        if self.known is None:
            self.known = self.server().schema(OPEN_S)
        return self.known

    def fill(self, wanted: int) -> int:
        """How many there are for an episode each, `wanted` at most; 0: it gives none, or cannot be reached."""
        with self.lock:
            self.idle = [one for one in self.idle if one.is_open]
            self.reason = None
            missing = wanted - len(self.idle)
            try:
                more, self.reason = opened(self.server(), missing)
                self.idle += more
            except SocketGone as gone:
                self.reason = str(gone)
            return min(wanted, len(self.idle))

    def take(self) -> Session:
        """One that is idle, or one more; nobody asks again at once where the last answer was no."""
        with self.lock:
            while self.idle:
                if (found := self.idle.pop(0)).is_open:
                    return found
            if self.reason is not None:
                raise SocketGone(self.reason)
            try:
                return in_thread(self.server().open(OPEN_S)).result()
            except Refused as refused:
                raise SocketGone(f"the server gives no session: {refused}") from None

    def give_back(self, session: Session) -> None:
        with self.lock:
            self.idle.append(session)

    def close(self) -> None:
        """Every session, and the server where it is ours."""
        with self.lock:
            idle, self.idle = self.idle, []
            for session in idle:
                in_thread(closed(session)).result()
            if isinstance(self.place, LocalServer):
                self.place.close()


async def closed(session: Session) -> None:
    session.close()


def opened(server: Server, missing: int) -> tuple[list[Session], str | None]:
    """And why there are no more. The first one alone, then twice as many each time: a server that is full says so."""
    found: list[Session] = []
    while len(found) < missing:
        count = min(missing - len(found), max(1, len(found)))
        asked: list[Future[Session]] = [in_thread(server.open(OPEN_S)) for _ in range(count)]
        reasons = []
        for one in asked:
            try:
                found.append(one.result())
            except Refused as refused:
                reasons.append(f"the server gives no more sessions: {refused}")
            except SocketGone as gone:
                reasons.append(str(gone))
        if reasons:
            return found, reasons[0]
    return found, None
