"""Sessions: a client's stay, with a heartbeat every ten seconds.

Without one for some minutes it is *stale*: nobody will fetch what it asked for, so its samples are cancelled and its
models leave the memory. A heartbeat brings it back, and so does a request. A day later it is *forgotten*: its models
are closed, and what only they needed leaves the disk. Checkpoints stay.
"""

from __future__ import annotations

from math import inf
from time import monotonic, time
from typing import Any
from uuid import uuid4

from straw.server.desk.settings import Settings
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Session
from straw.server.wire.refused import BadRequest, quoted

QUIET_S = 60.0  # six heartbeats
FLUSH_S = 60.0  # how often heartbeats are written down


class Sessions:
    """`beats` is when each was last heard of, here; the journal knows it to a minute."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self.journal, self.settings = journal, settings
        self.beats: dict[str, float] = {}
        self.asked: dict[str, float] = {}  # models, and when somebody last asked something of them
        self.flushed = monotonic()

    def open(self, owner: str, about: dict[str, Any]) -> str:
        id = str(uuid4())
        self.journal.open_session(id, owner, about)
        self.beats[id] = monotonic()
        return id

    def get(self, id: str, owner: str, status: int = 404) -> Session:
        found = self.journal.session(id)
        if found is None or found.owner != owner:
            raise BadRequest(f"there is no session {quoted(id)} on this server: make a new client", status)
        return found

    def beat(self, id: str, owner: str) -> None:
        self.get(id, owner, status=410)
        self.beats[id] = monotonic()

    def finish(self, id: str, owner: str) -> None:
        self.get(id, owner)
        self.journal.finish_session(id)
        self.beats.pop(id, None)

    def used(self, session: str, model: str | None = None) -> None:
        """A request is as good as a heartbeat."""
        self.beats[session] = monotonic()
        if model is not None:
            self.asked[model] = time()

    def is_here(self, id: str) -> bool:
        """Heard of a moment ago, and not finished."""
        return monotonic() - self.beats.get(id, -inf) < QUIET_S

    def recover(self) -> None:
        """After a restart everybody who was there has some minutes to be heard of again."""
        living = self.journal.all(
            "SELECT id FROM sessions WHERE finished IS NULL AND seen > ?", time() - self.settings.forgotten_s
        )
        self.beats.update((row[0], monotonic()) for row in living)

    def newly_stale(self) -> list[str]:
        now = monotonic()
        stale = [id for id, seen in self.beats.items() if now - seen > self.settings.stale_s]
        for id in stale:
            del self.beats[id]
        return stale

    def flush(self, *, at_once: bool = False) -> None:
        if not at_once and monotonic() - self.flushed < FLUSH_S:
            return
        self.flushed = monotonic()
        with self.journal.together():
            for id in self.beats:
                self.journal.seen(id)
            for model, when in self.asked.items():
                self.journal.write("UPDATE models SET asked = ? WHERE id = ?", when, model)
        self.asked.clear()

    def forgotten(self) -> list[str]:
        """Models that are open in sessions nobody has been heard of for a day."""
        found = self.journal.all(
            "SELECT m.id FROM models m JOIN sessions s ON s.id = m.session WHERE m.closed = 0 AND s.seen < ?",
            time() - self.settings.forgotten_s,
        )
        return [row[0] for row in found if row[0].rpartition(":train:")[0] not in self.beats]
