"""Training models in memory, and how one comes back that is not: from its last saved state, and what was asked since.

    awake      load the state, do again the forward_backward, optim_step and load_weights that lie behind it
    park       leave the memory: the disk has all of it
    saved      behind an optim_step the gradient is empty, so there a state can be saved

After a kill every model is asleep, so a restart is the same thing as waking up. What is done again is what the journal
says, in its order, and has the bits that it had.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator
from time import monotonic

from straw.engines.tenants.backend import Backend
from straw.engines.tenants.records import Shape
from straw.server.desk.settings import Settings
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Request
from straw.server.keeping.store import Store
from straw.server.wire.refused import BadRequest

Pieces = Generator[None, None, None]
Again = Callable[[Request], Generator[None, None, object]]


class Tenants:
    """`again` does a request to a model in memory; what it comes to is thrown away."""

    def __init__(self, backend: Backend, journal: Journal, store: Store, settings: Settings) -> None:
        self.backend, self.journal, self.store, self.settings = backend, journal, store, settings
        self.there: OrderedDict[str, None] = OrderedDict()
        self.since_state: dict[str, tuple[int, float]] = {}  # requests, and seconds that they took
        self.is_clean: dict[str, bool] = {}
        self.seq: dict[str, int] = {}  # of the last request that changed it

    def awake(self, model: str, before: int, again: Again) -> Pieces:
        """As it is before that request, in the engine's hands: in memory, or a file of its own."""
        if model in self.there:
            self.there.move_to_end(model)
            return
        known = self.journal.model(model)
        if known is None:
            raise LookupError(f"the journal knows no model {model}")
        if known.closed:
            raise BadRequest(
                "this model is closed: it was unloaded, its session ended, or it could not be created", 404
            )
        self.make_room()
        if known.state is not None:
            self.backend.load(model, self.store.folder(known.state), optimizer=True)
        else:
            self.backend.create(model, known.shape)
        self.came(model, known.state_seq)
        try:
            for request in self.journal.to_replay(model, max(known.state_seq, 0), before):
                yield from again(request)
        except BaseException:
            self.park(model)  # half of it is none
            raise

    def came(self, model: str, seq: int) -> None:
        """It is in memory, with an empty gradient."""
        self.there[model] = None
        self.there.move_to_end(model)
        self.since_state[model], self.is_clean[model], self.seq[model] = (0, 0.0), True, seq

    def changed(self, request: Request, began: float) -> None:
        """By forward_backward, which leaves a gradient, or another verb, which leaves none."""
        count, seconds = self.since_state[request.place]
        self.since_state[request.place] = (count + 1, seconds + monotonic() - began)
        self.is_clean[request.place] = request.kind != "forward_backward"
        self.seq[request.place] = request.seq

    def is_due(self, model: str) -> bool:
        count, seconds = self.since_state[model]
        return self.is_clean[model] and (count >= self.settings.state_every or seconds >= self.settings.state_after_s)

    def save(self, model: str) -> None:
        """Its state, and what came before it is needed no more."""
        known, seq = self.journal.model(model), self.seq[model]
        place = f"states/{model}~{seq}"
        self.store.write(place, lambda folder: self.backend.save(model, folder, optimizer=True))
        self.journal.set_state(model, seq, place)
        if known is not None and known.state not in (None, place):
            self.store.remove(str(known.state))
        self.since_state[model] = (0, 0.0)

    def make_room(self) -> None:
        while len(self.there) >= self.settings.awake:
            model = next(iter(self.there))
            if self.is_clean[model] and self.since_state[model][0]:
                self.save(model)
            self.park(model)

    def park(self, model: str) -> None:
        if model in self.there:
            del self.there[model], self.since_state[model], self.is_clean[model], self.seq[model]
            self.backend.unload(model)

    def shape(self, model: str) -> Shape:
        known = self.journal.model(model)
        return known.shape if known is not None else Shape(rank=1)
