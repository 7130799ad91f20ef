"""The addresses, and what answers at each.

/api/v1/...     the Tinker protocol             /v1/...      OpenAI's
/signed/...     files of exported weights       /api/models, /NAME/resolve   the tokenizer, as a hub has it
/               the page for people
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from straw.server.openai.errors import body
from straw.server.routes.answers import Handler, endpoint, reply
from straw.server.routes.checkpoints import CheckpointRoutes
from straw.server.routes.sampling import SamplingRoutes
from straw.server.routes.sessions import SessionRoutes
from straw.server.routes.training import Training
from straw.server.service import Service

API = "/api/v1"
ONE = f"{API}/training_runs/{{run}}/checkpoints/{{kind}}/{{name}}"


def make_app(service: Service, beside: Sequence[BaseRoute] = (), *, is_loopback: bool = True) -> ASGIApp:
    """`beside`: routes of the hub, OpenAI's and the page."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await service.begin()
        try:
            yield
        finally:
            await service.end()

    routes = [*protocol(service), *beside]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: told})
    return OwnName(app) if is_loopback else app


def protocol(service: Service) -> list[BaseRoute]:
    def known(handler: Handler) -> Callable[[Request], object]:
        return endpoint(handler, service.keys, service.worker.watching.tell)

    def route(path: str, handler: Handler, *methods: str) -> Route:
        return Route(path, known(handler), methods=list(methods) or ["GET"])

    sessions, training = SessionRoutes(service), Training(service)
    sampling, checkpoints = SamplingRoutes(service), CheckpointRoutes(service)
    posted = {**sampling.handlers(), **training.handlers(), **sessions.handlers(), "weights_info": checkpoints.info}
    return [
        *(route(f"{API}/{path}", handler, "POST") for path, handler in posted.items()),
        Route(f"{API}/healthz", healthy),
        route(f"{API}/get_server_capabilities", sessions.capabilities),
        route(f"{API}/sessions", sessions.list),
        route(f"{API}/sessions/{{id}}", sessions.get),
        route(f"{API}/sessions/{{id}}/finish", sessions.finish, "POST"),
        route(f"{API}/samplers/{{id}}", sampling.sampler),
        route(f"{API}/checkpoints", checkpoints.of_owner),
        route(f"{API}/training_runs", checkpoints.runs),
        route(f"{API}/training_runs/{{run}}", checkpoints.run),
        route(f"{API}/training_runs/{{run}}/checkpoints", checkpoints.of_run),
        route(ONE, checkpoints.delete, "DELETE"),
        route(f"{ONE}/publish", checkpoints.publish, "POST", "DELETE"),
        route(f"{ONE}/ttl", checkpoints.ttl, "PUT"),
        route(f"{ONE}/external_weights_urls", checkpoints.urls),
        route(f"{ONE}/archive", checkpoints.archive),
        Route("/signed/{expires:int}/{signature}/{run}/{kind}/{name}/{file}", checkpoints.signed),
    ]


async def healthy(request: Request) -> Response:
    return reply({"status": "ok"})


async def told(request: Request, error: Exception) -> Response:
    """An address that is none, or a method that it does not have."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    why = f"{request.method} {request.url.path[:200]} is nothing that this server answers"
    if request.url.path.startswith("/v1/"):  # OpenAI's clients read no detail
        return reply(body(why, "invalid_request_error", "unknown_url"), status)
    return reply({"detail": why}, status)


class OwnName:
    """On loopback, only under a name of loopback: another site's name can be made to point here (DNS rebinding)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not is_own(host):
                answer = reply({"detail": "this is not an address of this server: use 127.0.0.1 or localhost"}, 421)
                return await answer(scope, receive, send)
        elif scope["type"] == "websocket":
            return None
        return await self.app(scope, receive, send)


def is_own(host: str) -> bool:
    name = host[: host.rindex("]") + 1] if "]" in host else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
