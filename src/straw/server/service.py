"""Everything a request can need, in one place: the desk, the worker, the disk, who may ask, and what is served."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from secrets import token_bytes
from time import monotonic

from straw.engines.tenants.backend import Backend
from straw.errors import ConfigError, did_you_mean
from straw.server.desk.desk import Desk
from straw.server.desk.keys import Keys
from straw.server.desk.sessions import Sessions
from straw.server.desk.settings import Settings
from straw.server.keeping.export import Signer
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Model, Outcome, Sampler
from straw.server.keeping.store import Store
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted
from straw.server.work.reading import Reading
from straw.server.work.worker import Worker

AGE_EVERY = 30  # sweeps


class Service:
    """Begun by the event loop, ended by it."""

    def __init__(
        self, backend: Backend, folder: Path, settings: Settings, limits: Limits, keys: Keys,
        aliases: Mapping[str, Path] | None = None, *, most_bytes: int = 100 << 30,
    ) -> None:  # fmt: skip
        self.backend, self.settings, self.limits, self.keys = backend, settings, limits, keys
        self.journal = Journal(folder / "journal.sqlite")
        self.check_base(backend.facts.name)
        self.store = Store(folder, self.journal, aliases=aliases, most_bytes=most_bytes)
        self.signer = Signer(self.journal.fact("secret", token_bytes(32)))
        self.reading = Reading(limits, dict(settings.stand_ins))
        self.worker = Worker(backend, self.journal, self.store, settings, self.reading, self.hear)
        self.desk = Desk(self.journal, settings, self.worker.put)
        self.sessions = Sessions(self.journal, settings)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.began = monotonic()

    def check_base(self, name: str) -> None:
        """Weights of one model mean nothing to another."""
        known = self.journal.fact("base", name.encode()).decode()
        if known != name:
            self.journal.close()
            raise ConfigError(f"this folder belongs to a server of {known}, and this one serves {name}: name another")

    # --- life

    async def begin(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.store.sweep()
        self.sessions.recover()
        self.desk.recover()
        self.worker.start()
        self.sweeping = asyncio.create_task(self.sweep())

    async def end(self) -> None:
        """The piece of work at hand is ended; what waits is done at the next start."""
        self.sweeping.cancel()
        self.worker.end()
        await asyncio.to_thread(self.worker.join, 30)
        if not self.worker.is_alive():
            self.sessions.flush(at_once=True)
            self.journal.close()

    def hear(self, done: list[tuple[str, Outcome, bool]]) -> None:
        """In the thread that computes."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.tell, done)

    def tell(self, done: list[tuple[str, Outcome, bool]]) -> None:
        for one in done:
            self.desk.finished(*one)

    async def sweep(self) -> None:
        round = 0
        while True:
            await asyncio.sleep(self.settings.sweep_s)
            round += 1
            try:
                self.look_after(is_long=round % AGE_EVERY == 0)
            except Exception as error:  # a full disk: there is another round
                self.worker.watching.tell(f"{type(error).__name__}: {error}")

    def look_after(self, *, is_long: bool) -> None:
        self.desk.give_up_gaps()
        self.sessions.flush()
        for session in self.sessions.newly_stale():
            self.let_go(session)
        self.store.expire()
        if is_long:
            for model in self.sessions.forgotten():
                self.forget(model)
            self.desk.age()

    def let_go(self, session: str) -> None:
        """Of a client that went away: nobody will fetch its samples, and its models can sleep."""
        for id, waiting in list(self.desk.pending.items()):
            if waiting.request.kind == "sample" and id.startswith(f"{session}:sample:"):
                self.worker.cancel(id)
        models = [row[0] for row in self.journal.all("SELECT id FROM models WHERE session = ?", session)]
        for model in models:
            self.worker.call(lambda model=model: self.worker.rest(model))  # type: ignore[misc]

    def forget(self, model: str) -> None:
        found = self.journal.model(model)
        if found is None:
            return
        self.desk.close_model(found)
        self.worker.call(lambda: self.worker.rest(model))
        if found.state is not None:
            self.store.remove(found.state)
        folders = self.journal.all("SELECT folder FROM samplers WHERE model = ? AND folder IS NOT NULL", model)
        self.journal.write("UPDATE samplers SET folder = NULL WHERE model = ?", model)
        for (folder,) in folders:
            self.store.remove(folder)

    # --- what a request may name

    def model(self, id: str, owner: str) -> Model:
        found = self.journal.model(id)
        if found is None or found.owner != owner:
            raise BadRequest(f"there is no training model {quoted(id)} on this server", 404)
        if found.closed:
            raise BadRequest(f"the training model {quoted(id)} is closed: load its last checkpoint into a new one", 404)
        self.sessions.used(found.session, id)
        return found

    def sampler(self, id: str, owner: str) -> Sampler:
        found = self.journal.sampler(id)
        if found is None or found.owner != owner:
            raise BadRequest(f"there is no sampling session {quoted(id)} on this server: make a new one", 404)
        self.sessions.used(found.session)
        return found

    def base(self, name: str) -> str:
        """A name under which the model is served."""
        if not self.settings.is_served(name):
            raise BadRequest(
                f"this server does not answer to the model name {quoted(name)}: "
                f"{did_you_mean(name, self.settings.names)} (as=NAME lets it answer to another)"
            )
        return name
