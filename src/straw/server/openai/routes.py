"""OpenAI's paths on this server: agents and `openai` clients in front of a model that trains behind it.

GET  /v1/models               the base, runs and checkpoints that may be named
POST /v1/chat/completions     a conversation, through the model's own chat template
POST /v1/completions          a text, or token ids
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from secrets import token_hex
from time import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from straw.server.openai.answers import usage
from straw.server.openai.chat import read_chat
from straw.server.openai.completer import Completer, Served
from straw.server.openai.completions import read_completion
from straw.server.openai.errors import told
from straw.server.openai.stream import Request as Asked
from straw.server.openai.stream import begun, events
from straw.server.wire.body import read_json
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted
from straw.text.chat.chat import Chat

Read = Callable[[Fields, Chat, Limits], Asked]
OwnerOf = Callable[[Request], str]
LOG = logging.getLogger(__name__)


def openai_routes(completer: Completer, chat: Chat, limits: Limits, owner_of: OwnerOf) -> list[Route]:
    """`owner_of` says whose key a request carries, or raises a BadRequest of 401."""
    api = Api(completer, chat, limits, owner_of)
    return [
        Route("/v1/models", api.answered(api.models)),
        Route("/v1/models/{name:path}", api.answered(api.model)),
        Route("/v1/chat/completions", api.answered(api.writes(read_chat)), methods=["POST"]),
        Route("/v1/completions", api.answered(api.writes(read_completion)), methods=["POST"]),
    ]


class Api:
    """The answers, by path."""

    def __init__(self, completer: Completer, chat: Chat, limits: Limits, owner_of: OwnerOf) -> None:
        self.completer, self.chat, self.limits, self.owner_of = completer, chat, limits, owner_of

    def answered(self, does: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Whatever goes wrong has OpenAI's form."""

        async def endpoint(request: Request) -> Response:
            try:
                return await does(request)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:
                status, body = told(error)
                if status >= 500:
                    LOG.exception("%s", request.url.path)
                return as_json(body, status)

        return endpoint

    async def models(self, request: Request) -> Response:
        owner = self.owner_of(request)
        return as_json({"object": "list", "data": [listed(one) for one in self.completer.models(owner)]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = [one for one in self.completer.models(self.owner_of(request)) if one.name == name]
        if not found:
            raise BadRequest(f"there is no model {quoted(name)} here: GET /v1/models lists them", 404)
        return as_json(listed(found[0]))

    def writes(self, read: Read) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            owner = self.owner_of(request)
            fields = Fields(read_json(await body_of(request, self.limits.json_bytes), self.limits), self.limits)
            asked = await run_in_threadpool(read, fields, self.chat, self.limits)  # a chat template takes its time
            return await (self.streamed if asked.settings.stream else self.whole)(asked, owner)

        return endpoint

    async def whole(self, asked: Asked, owner: str) -> Response:
        model, id = asked.settings.model, asked.prefix + token_hex(12)
        sampled = await asyncio.gather(*(self.completer.complete(owner, model, one) for one in asked.asked()))
        answer = wrapped(asked, id, asked.kind, asked.choices(sampled, id), **asked.more())
        return as_json(answer | {"usage": usage(sampled, asked.prompts)})

    async def streamed(self, asked: Asked, owner: str) -> Response:
        id, kind = asked.prefix + token_hex(12), asked.kind + ".chunk" * (asked.kind == "chat.completion")
        stream = await begun(self.completer.stream(owner, asked.settings.model, asked.asked()[0]))
        sent = events(asked, stream, lambda choices, **more: wrapped(asked, id, kind, choices, **more), id)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(sent, media_type="text/event-stream", headers=headers)


def wrapped(asked: Asked, id: str, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"id": id, "object": kind, "created": int(time()), "model": asked.settings.model, "choices": choices, **more}


def listed(one: Served) -> dict[str, Any]:
    return {"id": one.name, "object": "model", "created": one.created, "owned_by": one.owned_by}


def as_json(value: Any, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")


async def body_of(request: Request, most: int) -> bytes:
    """The body, read no further than the limit."""
    pieces, size = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        if (size := size + len(piece)) > most:
            raise BadRequest(f"bytes of a JSON body: at most {most:,} (json_bytes), got more: send less at once", 413)
    return b"".join(pieces)
