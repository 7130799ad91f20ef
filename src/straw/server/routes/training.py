"""Endpoints that train: each answers with a request's id at once, and retrieve_future has the result.

A request that is refused has used its number where the number can be read, so the ones behind it do not wait.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from straw.engines.tenants.records import Shape
from straw.seeds import seed_for
from straw.server.desk.metadata import metadata_of
from straw.server.keeping.rows import Model, Request
from straw.server.routes.answers import body_of, fields_of, reply
from straw.server.service import Service
from straw.server.wire.body import fields as protobuf_fields
from straw.server.wire.body import varint
from straw.server.wire.fields import Fields
from straw.server.wire.refused import BadRequest

MODEL_ID, SEQ_ID = 1, 2  # fields of a ForwardBackwardRequest
FARTHEST = 10_000_000  # models of a session


class Training:
    """create_model, forward_backward, optim_step, save_*, load_weights, unload_model, get_info."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def handlers(self) -> dict[str, Any]:
        kinds = ("optim_step", "save_weights", "save_weights_for_sampler", "save_weights_external")
        return {
            "create_model": self.create_model, "load_weights": self.load_weights, "unload_model": self.unload_model,
            "forward_backward": self.forward_backward, "forward": self.forward_backward, "get_info": self.get_info,
            **{kind: self.in_order(kind) for kind in kinds},
        }  # fmt: skip

    # --- models

    async def create_model(self, request: HttpRequest, owner: str) -> Response:
        body, fields = await fields_of(request, self.service.limits)
        base = self.service.base(fields.text("base_model"))
        if (kind := fields.inner("optimizer_config").text("type", "adamw")) not in ("adam", "adamw"):
            raise BadRequest(f"this server steps with AdamW, got optimizer_config of type {kind!r}: leave it out")
        id = self.new_id(fields)
        return self.begin(id, owner, base, self.shape(id, fields), "create_model", body, fields)

    def new_id(self, fields: Fields) -> str:
        return f"{fields.text('session_id')}:train:{fields.integer('model_seq_id', 0, FARTHEST)}"

    def shape(self, id: str, fields: Fields) -> Shape:
        """Without a seed, one of the model's own."""
        lora, settings = fields.inner("lora_config"), self.service.settings
        rank = lora.integer("rank", 0, default=32)
        if rank > settings.most_rank:
            raise BadRequest(f"lora_config.rank is at most {settings.most_rank} on this server, got {rank}")
        if (rank == 0) != settings.full:
            raise BadRequest(
                "this server trains the base model itself (--full): send lora_config.rank=0"
                if settings.full
                else "lora_config.rank is 1 or more (0, the base itself, is trained by a server started with --full)"
            )
        seed = lora.integer_or_none("seed", -(1 << 63), (1 << 64) - 1)
        return Shape(
            rank=rank, seed=seed_for("model", id) % 2**31 if seed is None else seed % 2**63,
            unembed=lora.flag("train_unembed", True), mlp=lora.flag("train_mlp", True),
            attn=lora.flag("train_attn", True),
        )  # fmt: skip

    def begin(self, id: str, owner: str, base: str, shape: Shape, kind: str, body: bytes, fields: Fields) -> Response:
        """A new model, whose first request creates it; sent twice it is the same model."""
        session = self.service.sessions.get(fields.text("session_id"), owner)
        self.service.sessions.used(session.id, id)
        first = Request(f"{id}/0", id, 0, kind, owner)
        if self.service.journal.model(id) is None:
            self.check_number(owner)
            self.service.journal.add_model(id, session.id, owner, base, shape, metadata_of(fields) or {})
        self.service.desk.submit(first, body, self.service.reading.read(kind, body))
        return reply({"request_id": first.id, "model_id": id})

    def check_number(self, owner: str) -> None:
        if self.service.settings.full:
            return self.check_is_alone()
        row = self.service.journal.one("SELECT count(*) FROM models WHERE owner = ? AND closed = 0", owner)
        most = self.service.settings.most_models
        if row is not None and row[0] >= most:
            raise BadRequest(f"this server trains at most {most} models at a time: unload one, or end its session")

    def check_is_alone(self) -> None:
        """All weights are trained by one client; one that went away, or was not heard of for a minute, makes room."""
        for model, session in self.service.journal.all("SELECT id, session FROM models WHERE closed = 0"):
            if self.service.sessions.is_here(session):
                raise BadRequest("this server trains all weights, for one client alone, and has one: end its session")
            self.service.forget(model)

    async def load_weights(self, request: HttpRequest, owner: str) -> Response:
        """Into a new model, or (old programs) into one that is there."""
        body, fields = await fields_of(request, self.service.limits)
        if fields.get("model_id") is not None:
            return self.ordered("load_weights", body, fields, owner)
        source = self.service.store.readable(fields.text("path"), owner)
        name = fields.text_or_none("base_model")
        base = self.service.base(name) if name else source.base or self.service.settings.names[0]
        return self.begin(self.new_id(fields), owner, base, source.shape, "create_from", body, fields)

    async def unload_model(self, request: HttpRequest, owner: str) -> Response:
        """It has no number: it is done behind what has one."""
        body, fields = await fields_of(request, self.service.limits)
        model = self.service.model(fields.text("model_id"), owner)
        number = self.service.desk.line(model.id).next
        unload = Request(f"{model.id}/unload", model.id, number, "unload_model", owner)
        self.service.desk.submit_unordered(unload, body, fields.values)
        return reply({"request_id": unload.id, "model_id": model.id})

    async def get_info(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        model, facts = self.service.model(fields.text("model_id"), owner), self.service.backend.facts
        return reply(
            {
                "type": "get_info", "model_id": model.id, "model_name": model.base, "is_lora": model.shape.rank > 0,
                "lora_rank": model.shape.rank or None,
                "model_data": {"arch": facts.arch, "model_name": model.base, "tokenizer_id": model.base},
            }
        )  # fmt: skip

    # --- requests in order

    def in_order(self, kind: str) -> Any:
        async def handler(request: HttpRequest, owner: str) -> Response:
            return self.ordered(kind, *await fields_of(request, self.service.limits), owner)

        return handler

    def ordered(self, kind: str, body: bytes, fields: Fields, owner: str) -> Response:
        model = self.service.model(fields.text("model_id"), owner)
        seq = fields.integer_or_none("seq_id", 0, 2**31 - 1)
        if seq is None:
            seq = self.service.desk.line(model.id).next
        one = Request(f"{model.id}/{seq}", model.id, seq, kind, owner)
        return self.submit(model, one, body)

    def submit(self, model: Model, one: Request, body: bytes) -> Response:
        try:
            read = self.service.reading.read(one.kind, body)
            if one.kind == "load_weights":
                self.service.store.readable(read["path"], one.owner)
            if one.kind == "forward_backward" and read.forward_only:
                one = Request(one.id, one.place, one.seq, "forward", one.owner)
            self.service.desk.submit(one, body, read)
        except BadRequest as error:
            self.service.desk.refuse(one, error)
            raise
        return reply({"request_id": one.id, "model_id": model.id})

    async def forward_backward(self, request: HttpRequest, owner: str) -> Response:
        body = await body_of(request, self.service.limits)
        id, seq = head_of(body)
        model = self.service.model(id, owner)
        return self.submit(model, Request(f"{id}/{seq}", id, seq, "forward_backward", owner), body)


def head_of(body: bytes) -> tuple[str, int]:
    """Model and number of a request, whatever else its body holds."""
    model, seq = "", 0
    for number, start, end in protobuf_fields(body, 0, len(body)):
        if number == MODEL_ID:
            model = body[start:end].decode("utf-8", "replace")[:1024]
        elif number == SEQ_ID:
            seq = varint(body, start, end)[0] & 0xFFFFFFFF
        if model and seq:
            break
    if not model or not 1 <= seq < 2**31:
        raise BadRequest("a ForwardBackwardRequest begins with model_id and a seq_id from 1: send what the SDK sends")
    return model, seq
