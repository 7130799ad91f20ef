"""What writes for OpenAI's clients: the same rows, and the same weights, as the protocol's.

A name is the base model's, a checkpoint's tinker:// path, or a run's: then the weights are those of its newest step,
also while it trains.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from time import time

from straw.engines.tenants.records import Sampled, Sampling, Tokens
from straw.server.keeping.rows import Sampler
from straw.server.openai.completer import Served
from straw.server.service import Service
from straw.server.wire.refused import BadRequest

MOST_LISTED = 200
Said = list[Tokens] | Sampled | Exception


class ServerCompleter:
    """In the event loop's thread; the worker does the work."""

    def __init__(self, service: Service) -> None:
        self.service, self.numbers = service, count()

    def models(self, owner: str) -> Sequence[Served]:
        began = int(time())
        runs = self.service.journal.all(
            "SELECT id, asked FROM models WHERE owner = ? AND closed = 0 ORDER BY asked DESC LIMIT ?",
            owner,
            MOST_LISTED,
        )
        kept = self.service.journal.checkpoints("owner = ? AND kind != 'external_weights'", owner)[:MOST_LISTED]
        return [
            *(Served(name, began) for name in self.service.settings.names),
            *(Served(id, int(asked), "run") for id, asked in runs),
            *(Served(one.path, int(one.made), "checkpoint") for one in kept),
        ]

    def sampler(self, owner: str, weights: str) -> Sampler:
        """As a sampling session would be; a run's has its model in place of a folder."""
        base = self.service.settings.names[0]
        if weights.startswith("tinker://"):
            one = self.service.store.readable(weights, owner)
            return Sampler("", "", owner, base, one.path, None, f"{one.path}@{one.made}", one.folder, one.made)
        if ":train:" in weights:
            model = self.service.model(weights, owner)
            return Sampler("", "", owner, base, None, model.id, f"{model.id}~newest", None, time())
        if not self.service.settings.is_served(weights):
            raise BadRequest(
                f"the model {weights[:100]!r} does not exist here: GET /v1/models lists those that do", 404
            )
        return Sampler("", "", owner, base, None, None, None, None, time())

    async def complete(self, owner: str, weights: str, request: Sampling) -> Sampled:
        async for said in self.said(owner, weights, request, is_stream=False):
            if isinstance(said, Sampled):
                return said
        raise BadRequest("it ended without an answer")

    def stream(self, owner: str, weights: str, request: Sampling) -> AsyncIterator[list[Tokens] | Sampled]:
        return self.said(owner, weights, request, is_stream=True)

    async def said(
        self, owner: str, weights: str, request: Sampling, *, is_stream: bool
    ) -> AsyncIterator[list[Tokens] | Sampled]:
        sampler, key = self.sampler(owner, weights), f"openai/{next(self.numbers)}"
        loop, box = asyncio.get_running_loop(), asyncio.Queue[Said]()

        def put(said: Said) -> None:
            loop.call_soon_threadsafe(box.put_nowait, said)

        self.service.worker.call(self.joining(key, sampler, request, put, put if is_stream else None))
        said: Said | None = None
        try:
            while not isinstance(said, Sampled):
                said = await box.get()
                while is_stream and not isinstance(said, Sampled | Exception) and not box.empty():
                    said = box.get_nowait()  # only the newest
                if isinstance(said, Exception):
                    raise said
                yield said
        finally:
            if not isinstance(said, Sampled | Exception):
                self.service.worker.cancel(key)

    def joining(
        self, key: str, sampler: Sampler, request: Sampling, done: Callable[[Said], None],
        wrote: Callable[[list[Tokens]], None] | None,
    ) -> Callable[[], None]:  # fmt: skip
        """In the thread that computes."""

        def join() -> None:
            worker = self.service.worker
            try:
                if sampler.model is not None:
                    worker.operations.take_newest(sampler.model, str(sampler.weights))
                worker.samples.join(key, sampler, request, done, wrote)
            except Exception as error:
                done(error)

        return join
