"""What each training request does, as a generator that gives the thread back between its pieces.

The result and what it names (a checkpoint, a sampling session) are written to the journal together, so a request is
either done or not, and one that is not done is done again from the start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from time import monotonic, time
from typing import Any

from straw.engines.base import AdamParams
from straw.engines.tenants.backend import Backend
from straw.server.desk.settings import Settings
from straw.server.keeping.export import encrypt
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Model, Outcome, Request, Sampler
from straw.server.keeping.store import SCHEME, Store
from straw.server.wire.refused import BadRequest
from straw.server.wire.training import ForwardBackward, write_gradient
from straw.server.work.outcomes import answer
from straw.server.work.reading import Reading
from straw.server.work.snapshots import Snapshots
from straw.server.work.tenants import Tenants
from straw.server.work.watching import Watching

NEVER = 2**62  # a number that no request has
Work = Generator[None, None, Outcome]


class Operations:
    """By the request's kind. `read` is the request as a record, where somebody still holds it."""

    def __init__(
        self, backend: Backend, journal: Journal, store: Store, settings: Settings, reading: Reading,
        snapshots: Snapshots, watching: Watching,
    ) -> None:  # fmt: skip
        self.backend, self.journal, self.store, self.settings = backend, journal, store, settings
        self.reading, self.snapshots, self.watching = reading, snapshots, watching
        self.tenants = Tenants(backend, journal, store, settings)
        self.verbs: dict[str, Callable[[Request, Any], Work]] = {
            "forward_backward": self.forward_backward, "forward": self.forward_backward,
            "optim_step": self.optim_step, "load_weights": self.load_weights, "save_weights": self.save_weights,
            "save_weights_for_sampler": self.save_for_sampler, "save_weights_external": self.save_external,
            "unload_model": self.unload, "create_model": self.created,
        }  # fmt: skip

    def work(self, request: Request, read: Any) -> Work:
        """Done, kept in the journal, and (behind a step) the model's state saved where that is due."""
        if request.kind == "create_from":
            outcome = self.create_from(request, read or self.read(request))
        else:
            yield from self.tenants.awake(request.place, request.seq, self.again)
            outcome = yield from self.verbs[request.kind](request, read or self.read(request))
        needed = request.kind in ("forward_backward", "optim_step", "load_weights")
        try:
            self.journal.finish(request.id, outcome, keep_body=needed)
        except sqlite3.Error:
            self.tenants.park(request.place)  # the client hears of an error, so it must not have happened
            raise
        if request.place in self.tenants.there and self.tenants.is_due(request.place):
            self.save_state(request.place)
        return outcome

    def save_state(self, model: str) -> None:
        """A full disk makes the next restart longer, and breaks nothing."""
        try:
            self.tenants.save(model)
        except Exception as error:
            self.watching.tell(f"the state of {model} could not be saved: {error}")

    def again(self, request: Request) -> Work:
        self.watching.num_replayed += 1
        return self.verbs[request.kind](request, self.read(request))

    def read(self, request: Request) -> Any:
        body = self.journal.body(request.id)
        if body is None:
            raise LookupError(f"the journal has no body of {request.id}")
        return self.reading.read(request.kind, body)

    def model(self, request: Request) -> Model:
        found = self.journal.model(request.place)
        if found is None:
            raise LookupError(f"the journal knows no model {request.place}")
        return found

    # --- training

    def created(self, request: Request, read: Any) -> Work:
        """Waking up has created it."""
        yield from ()
        return answer(model_id=request.place, type="create_model")

    def create_from(self, request: Request, read: dict[str, Any]) -> Outcome:
        """A new model with a checkpoint's weights. Its state is saved at once: the checkpoint may be deleted."""
        source = self.store.readable(read["path"], request.owner)
        self.tenants.make_room()
        shape = self.backend.load(request.place, self.store.folder(source.folder), optimizer=read["optimizer"])
        self.journal.set_shape(request.place, shape)
        self.tenants.came(request.place, request.seq)
        self.tenants.save(request.place)
        return answer(path=read["path"], model_id=request.place, type="load_weights")

    def forward_backward(self, request: Request, read: ForwardBackward) -> Work:
        began = monotonic()
        gradient = yield from self.backend.forward_backward(
            request.place, read.data, read.loss_fn, read.settings, forward_only=read.forward_only
        )
        if not read.forward_only:
            self.tenants.changed(request, began)
        self.watching.trained(request.place, read, gradient)
        return Outcome("proto", write_gradient(gradient))

    def optim_step(self, request: Request, read: AdamParams) -> Work:
        yield from ()
        began = monotonic()
        metrics = self.backend.optim_step(request.place, read)
        self.tenants.changed(request, began)
        self.watching.stepped(request.place, read, metrics)
        return answer(metrics=metrics)

    def load_weights(self, request: Request, read: dict[str, Any]) -> Work:
        yield from ()
        source = self.store.readable(read["path"], request.owner)
        shape = self.backend.load(request.place, self.store.folder(source.folder), optimizer=read["optimizer"])
        self.journal.set_shape(request.place, shape)
        self.tenants.came(request.place, request.seq)
        self.tenants.save(request.place)
        return answer(path=read["path"], model_id=request.place, type="load_weights")

    def unload(self, request: Request, read: Any) -> Work:
        yield from ()
        self.tenants.park(request.place)
        self.journal.close_model(request.place)
        return answer(model_id=request.place, type="unload_model")

    # --- saving

    def save_weights(self, request: Request, read: dict[str, Any]) -> Work:
        yield from ()
        return self.keep(request, "weights", read, lambda to: self.backend.save(request.place, to, optimizer=True))

    def save_external(self, request: Request, read: dict[str, Any]) -> Work:
        yield from ()

        def fill(folder: Path) -> None:
            self.backend.save(request.place, folder, optimizer=False)
            encrypt(folder, read["recipients"])

        return self.keep(request, "external_weights", read, fill)

    def keep(self, request: Request, kind: str, read: dict[str, Any], fill: Any) -> Outcome:
        model, path = self.model(request), f"{SCHEME}{request.place}/{kind}/{read['name']}"
        if not read["overwrite"] and self.journal.checkpoint(path) is not None:
            raise BadRequest(f"{path} is there already: choose another name, or overwrite=True")
        kept = self.store.keep(
            model.id, kind, read["name"], owner=model.owner, base=model.base, shape=model.shape, ttl=read["ttl"],
            about=read["about"], fill=fill,
        )  # fmt: skip
        outcome = answer(path=path, type=request.kind)
        with self.journal.together():
            self.journal.add_checkpoint(kept)
            self.journal.finish(request.id, outcome, keep_body=False)
        return outcome

    def save_for_sampler(self, request: Request, read: dict[str, Any]) -> Work:
        yield from ()
        if read["name"] is not None:
            return self.keep(
                request, "sampler_weights", read, lambda to: self.backend.save(request.place, to, optimizer=False)
            )
        return self.ephemeral(request, read)

    def ephemeral(self, request: Request, read: dict[str, Any]) -> Outcome:
        """A sampling session of weights without a name. Those of kind inflight share one target per model."""
        model = self.model(request)
        number = read["sampler_seq"] if read["sampler_seq"] is not None else f"m{request.seq}"
        id = f"{model.session}:sample:{number}"
        weights = f"{model.id}~inflight" if read["kind"] == "inflight" else id
        place = f"samplers/{weights}"
        self.store.write(place, lambda folder: self.backend.save(model.id, folder, optimizer=False))
        self.snapshots.take(weights, model.id)
        outcome = answer(sampling_session_id=id, path=None, type=request.kind)
        with self.journal.together():
            self.journal.add_sampler(
                Sampler(id, model.session, model.owner, model.base, None, model.id, weights, place, time())
            )
            self.journal.finish(request.id, outcome, keep_body=False)
        self.drop_old_samplers(model.id)
        return outcome

    def take_newest(self, model: str, name: str) -> None:
        """A snapshot of a model's newest weights, under a name that means those of now."""
        for _ in self.tenants.awake(model, NEVER, self.again):
            pass
        self.snapshots.take(name, model)

    def drop_old_samplers(self, model: str) -> None:
        """The folders of snapshots that nobody named and many have followed."""
        found = self.journal.all(
            "SELECT id, weights, folder FROM samplers WHERE model = ? AND folder IS NOT NULL AND weights = id "
            "ORDER BY made DESC LIMIT 1000 OFFSET ?", model, self.settings.samplers_kept,
        )  # fmt: skip
        for id, weights, folder in found:
            if not self.snapshots.users[weights]:
                self.journal.write("UPDATE samplers SET folder = NULL WHERE id = ?", id)
                self.snapshots.forget(weights)
                self.store.remove(folder)
