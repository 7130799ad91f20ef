"""What every endpoint has in common: the body within its limits, the asker, and refusals as `{"detail": ...}`.

Never 409 or 5xx for what somebody sent: clients take those for "try again", for minutes.
"""

from __future__ import annotations

import json
import sqlite3
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from straw.server.desk.keys import Keys
from straw.server.keeping.rows import Outcome
from straw.server.wire.body import decompress, read_json
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest

PROTOBUF = "application/x-protobuf"
Handler = Callable[[Request, str], Awaitable[Response]]
FAILED = "straw failed on this request, and that is a fault of straw: "
DRAINED = 16  # times the limit: what is read and thrown away so that the sender hears why


def reply(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value).encode(), status, media_type="application/json")


def refusal(error: BadRequest) -> Response:
    return reply({"detail": error.detail}, error.status)


def given(outcome: Outcome) -> Response:
    """A result as retrieve_future answers it."""
    return Response(outcome.data, media_type=PROTOBUF if outcome.form == "proto" else "application/json")


def key_of(request: Request) -> str | None:
    """X-API-Key, or the bearer's that OpenAI's clients send."""
    if key := request.headers.get("x-api-key"):
        return key
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


async def body_of(request: Request, limits: Limits) -> bytes:
    """Whole, decompressed, within the limit."""
    most, size, pieces = limits.body_bytes, 0, []
    async for piece in request.stream():
        size += len(piece)
        if size <= most:
            pieces.append(piece)
        elif size > most * DRAINED:
            break
    if size > most:
        pieces.clear()
        limits.at_most("body_bytes", size, "bytes of a body")
    return decompress(b"".join(pieces), request.headers.get("content-encoding"), limits)


async def fields_of(request: Request, limits: Limits) -> tuple[bytes, Fields]:
    """The body, and what it says as JSON."""
    body = await body_of(request, limits)
    return body, Fields(read_json(body, limits), limits)


def endpoint(handler: Handler, keys: Keys, say: Callable[[str], None]) -> Callable[[Request], Awaitable[Response]]:
    """A handler that knows its asker, and whose every failure is an answer."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request, keys.owner(key_of(request)))
        except BadRequest as error:
            return refusal(error)
        except ClientDisconnect:
            return Response(status_code=400)
        except sqlite3.ProgrammingError:  # the journal is closed: whoever comes now comes again, to the next server
            return reply({"detail": "the server is ending"}, 503)
        except Exception as error:
            say("".join(traceback.format_exception(error)))
            return reply({"detail": f"{FAILED}{type(error).__name__}"}, 400)

    return answered
