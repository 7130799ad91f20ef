"""The journal: an accepted request stands on the disk before its sender hears of it, and so does a result.

SQLite with a write-ahead log. `synchronous=NORMAL` gives nothing back that a killed process had written; after a power
cut the last moments may be gone, as a whole. Two threads write, the one that answers and the one that computes, one at
a time. Nothing of a request stays in memory once it is done: results are read from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from time import time
from typing import Any

from straw.engines.tenants.records import Shape
from straw.server.keeping import rows
from straw.server.keeping.rows import Checkpoint, Model, Outcome, Request, Sampler, Session
from straw.server.keeping.schema import SCHEMA

REQUEST = "id, place, seq, kind, owner"


class Journal:
    """One file. Every verb is one transaction, or joins the one that `together` has open."""

    def __init__(self, file: Path) -> None:
        self.lock = RLock()
        self.db = sqlite3.connect(file, check_same_thread=False, isolation_level=None, cached_statements=256)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-4000", "auto_vacuum=INCREMENTAL"):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        with self.lock:
            self.db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is written inside, or none of it."""
        with self.lock:
            if self.is_open():
                yield
                return
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.is_open():  # a full disk has rolled it back already
                    self.db.execute("ROLLBACK")
                raise

    def is_open(self) -> bool:
        return self.db.in_transaction

    def write(self, sql: str, *values: Any) -> int:
        with self.lock:
            return self.db.execute(sql, values).rowcount

    def all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with self.lock:
            found: tuple[Any, ...] | None = self.db.execute(sql, values).fetchone()
            return found

    def fact(self, name: str, otherwise: bytes) -> bytes:
        """A value that the first who asks decides."""
        self.write("INSERT OR IGNORE INTO facts VALUES (?, ?)", name, otherwise)
        found = self.one("SELECT value FROM facts WHERE name = ?", name)
        return bytes(found[0]) if found else otherwise

    # --- requests

    def accept(self, request: Request, body: bytes | None, outcome: Outcome | None = None) -> None:
        """`outcome`: what is known at once, as for a request that is refused, whose number is used all the same."""
        now = time()
        done, form, data = (now, outcome.form, outcome.data) if outcome else (None, None, None)
        self.write(
            f"INSERT OR IGNORE INTO requests ({REQUEST}, body, accepted, done, form, outcome) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            request.id, request.place, request.seq, request.kind, request.owner, body, now, done, form, data,
        )  # fmt: skip

    def finish(self, id: str, outcome: Outcome, *, keep_body: bool) -> None:
        body = "" if keep_body else ", body = NULL"
        self.write(
            f"UPDATE requests SET done = ?, form = ?, outcome = ?{body} WHERE id = ? AND done IS NULL",
            time(), outcome.form, outcome.data, id,
        )  # fmt: skip

    def outcome(self, id: str) -> tuple[str, Outcome | None] | None:
        """Its owner and what it came to; None if there is no such request."""
        found = self.one("SELECT owner, done, form, outcome FROM requests WHERE id = ?", id)
        if found is None:
            return None
        return found[0], None if found[1] is None else Outcome(found[2], bytes(found[3]))

    def body(self, id: str) -> bytes | None:
        found = self.one("SELECT body FROM requests WHERE id = ?", id)
        return None if found is None or found[0] is None else bytes(found[0])

    def pending(self) -> list[Request]:
        found = self.all(f"SELECT {REQUEST} FROM requests WHERE done IS NULL ORDER BY position")
        return [Request(*row) for row in found]

    def numbers_from(self, model: str, floor: int) -> list[int]:
        found = self.all("SELECT seq FROM requests WHERE place = ? AND seq >= ? ORDER BY seq", model, floor)
        return [row[0] for row in found]

    def to_replay(self, model: str, after: int, before: int) -> list[Request]:
        """What was done to a model since its state was saved, in order."""
        found = self.all(
            f"SELECT {REQUEST} FROM requests WHERE place = ? AND seq > ? AND seq < ? AND done IS NOT NULL "
            "AND form NOT IN ('error', 'refused') AND kind IN ('forward_backward', 'optim_step', 'load_weights') "
            "ORDER BY seq", model, after, before,
        )  # fmt: skip
        return [Request(*row) for row in found]

    def age(self, before: float, most: int = 10_000) -> int:
        """Drop results that are older, except what a replay still needs; how many."""
        return self.write(
            "DELETE FROM requests WHERE position IN (SELECT r.position FROM requests r LEFT JOIN models m "
            "ON m.id = r.place WHERE r.done IS NOT NULL AND r.done < ? "
            "AND (m.id IS NULL OR m.closed OR (r.seq <= m.state_seq AND r.seq < m.floor)) LIMIT ?)", before, most,
        )  # fmt: skip

    @property
    def num_bytes(self) -> int:
        with self.lock:
            pages, free, size = (
                self.db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    # --- sessions

    def open_session(self, id: str, owner: str, about: dict[str, Any]) -> None:
        now = time()
        self.write("INSERT INTO sessions VALUES (?, ?, ?, ?, NULL, ?)", id, owner, now, now, json.dumps(about))

    def session(self, id: str) -> Session | None:
        found = self.one("SELECT * FROM sessions WHERE id = ?", id)
        return rows.session_of(found) if found else None

    def seen(self, session: str) -> None:
        self.write("UPDATE sessions SET seen = ? WHERE id = ?", time(), session)

    def finish_session(self, session: str) -> None:
        self.write("UPDATE sessions SET finished = ?, seen = ? WHERE id = ?", time(), time(), session)

    # --- models

    def add_model(self, id: str, session: str, owner: str, base: str, shape: Shape, about: dict[str, Any]) -> None:
        self.write(
            "INSERT OR IGNORE INTO models VALUES (?, ?, ?, ?, ?, ?, 0, -1, NULL, ?, 0)",
            id, session, owner, base, rows.shape_text(shape), json.dumps(about), time(),
        )  # fmt: skip

    def model(self, id: str) -> Model | None:
        found = self.one("SELECT * FROM models WHERE id = ?", id)
        return rows.model_of(found) if found else None

    def set_shape(self, model: str, shape: Shape) -> None:
        self.write("UPDATE models SET shape = ? WHERE id = ?", rows.shape_text(shape), model)

    def set_floor(self, model: str, floor: int) -> None:
        self.write("UPDATE models SET floor = max(floor, ?) WHERE id = ?", floor, model)

    def set_state(self, model: str, seq: int, folder: str) -> None:
        """From now on a replay begins behind `seq`, and nobody needs the bodies up to it."""
        with self.together():
            self.write("UPDATE models SET state_seq = ?, state = ? WHERE id = ?", seq, folder, model)
            self.write(
                "UPDATE requests SET body = NULL WHERE place = ? AND seq <= ? AND body IS NOT NULL "
                "AND done IS NOT NULL",
                model, seq,
            )  # fmt: skip

    def close_model(self, model: str) -> None:
        self.write("UPDATE models SET closed = 1, state = NULL WHERE id = ?", model)

    # --- samplers

    def add_sampler(self, sampler: Sampler) -> None:
        self.write(
            "INSERT OR REPLACE INTO samplers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            sampler.id, sampler.session, sampler.owner, sampler.base, sampler.path, sampler.model, sampler.weights,
            sampler.folder, sampler.made,
        )  # fmt: skip

    def sampler(self, id: str) -> Sampler | None:
        found = self.one("SELECT * FROM samplers WHERE id = ?", id)
        return Sampler(*found) if found else None

    # --- checkpoints

    def add_checkpoint(self, one: Checkpoint) -> None:
        self.write(
            "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            one.path, one.run, one.kind, one.name, one.owner, one.folder, one.base, rows.shape_text(one.shape),
            one.made, one.size, one.public, one.expires, json.dumps(one.about) if one.about else None,
        )  # fmt: skip

    def checkpoint(self, path: str) -> Checkpoint | None:
        found = self.one("SELECT * FROM checkpoints WHERE path = ? AND (expires IS NULL OR expires > ?)", path, time())
        return rows.checkpoint_of(found) if found else None

    def checkpoints(self, where: str, *values: Any) -> list[Checkpoint]:
        """The living ones, newest first."""
        found = self.all(
            f"SELECT * FROM checkpoints WHERE (expires IS NULL OR expires > ?) AND {where} ORDER BY made DESC",
            time(), *values,
        )  # fmt: skip
        return [rows.checkpoint_of(row) for row in found]
