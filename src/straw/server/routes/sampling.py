"""Endpoints that sample, and the one where every result is fetched."""

from __future__ import annotations

from time import time
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from straw.server.keeping.rows import Request, Sampler
from straw.server.routes.answers import fields_of, given, reply
from straw.server.service import Service
from straw.server.wire.fields import Fields
from straw.server.wire.refused import BadRequest

TRY_AGAIN = {"type": "try_again", "queue_state": "active"}


class SamplingRoutes:
    """create_sampling_session, samplers, asample, retrieve_future, cancel_future."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def handlers(self) -> dict[str, Any]:
        return {
            "create_sampling_session": self.create_session, "asample": self.asample,
            "retrieve_future": self.retrieve, "cancel_future": self.cancel,
        }  # fmt: skip

    async def create_session(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        session = self.service.sessions.get(fields.text("session_id"), owner)
        self.service.sessions.used(session.id)
        id = f"{session.id}:sample:{fields.integer('sampling_session_seq_id', 0, 2**31)}"
        if self.service.journal.sampler(id) is None:
            self.service.journal.add_sampler(self.new(id, session.id, owner, fields))
        return reply({"type": "create_sampling_session", "sampling_session_id": id})

    def new(self, id: str, session: str, owner: str, fields: Fields) -> Sampler:
        """Of a checkpoint, or of the base model."""
        path, base = fields.text_or_none("model_path"), fields.text_or_none("base_model")
        if path is None:
            if base is None:
                raise BadRequest("a sampling session has a base_model or a model_path: send one")
            return Sampler(id, session, owner, self.service.base(base), None, None, None, None, time())
        source = self.service.store.readable(path, owner)
        if source.kind == "external_weights":
            raise BadRequest("weights that were exported are not sampled from here: save_weights_for_sampler")
        name = base or source.base or self.service.settings.names[0]
        return Sampler(id, session, owner, name, path, None, f"{path}@{source.made}", source.folder, time())

    async def sampler(self, request: HttpRequest, owner: str) -> Response:
        found = self.service.sampler(request.path_params["id"], owner)
        return reply({"sampler_id": found.id, "base_model": found.base, "model_path": found.path})

    async def asample(self, request: HttpRequest, owner: str) -> Response:
        body, fields = await fields_of(request, self.service.limits)
        read = self.service.reading.sample(fields)
        sampler = self.service.sampler(read.sampling_session_id, owner)
        one = Request(f"{sampler.id}/{read.seq_id}", sampler.id, read.seq_id, "sample", owner)
        self.service.desk.submit_unordered(one, body, read)
        ids = [f"{one.id}/{index}" for index in range(read.num_samples)]
        return reply({"request_id": one.id, "sample_sequence_ids": ids})

    async def retrieve(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        id = fields.text("request_id")
        outcome = await self.service.desk.retrieve(id, owner)
        if outcome is None:
            return reply({**TRY_AGAIN, "request_id": id}, 408)
        return given(outcome)

    async def cancel(self, request: HttpRequest, owner: str) -> Response:
        """Of a sample; what trains is done once it was asked for."""
        _, fields = await fields_of(request, self.service.limits)
        id = fields.text("request_id")
        waiting = self.service.desk.pending.get(id)
        if waiting is not None and waiting.request.owner == owner and waiting.request.kind == "sample":
            self.service.worker.cancel(id)
        return reply({})
