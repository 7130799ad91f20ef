"""The page for people: / with its files, /api/state once a second, and /metrics.

Whoever looks sees everybody's models, so it is behind the token of the address that was printed, as `straw ui` is.
/metrics is open on this machine's own address; from elsewhere it wants the token: Authorization: Bearer TOKEN.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from straw.server.page.metrics import prometheus
from straw.server.page.state import State
from straw.ui.page.files import KINDS, file_named
from straw.ui.server.guard import Guard
from straw.ui.server.stream import dumped

OWN, SHARED = ("serve.html", "serve.css", "serve.js"), ("colours.css", "style.css", "icon.svg", "chart.js", "parts.js")
METRICS_KIND = "text/plain; version=0.0.4; charset=utf-8"


def page_routes(state: Callable[[], State], *, token: str, port: int, on_the_network: bool = False) -> list[Route]:
    """`state` is asked each time somebody looks, in the thread of the event loop."""
    page = Page(state)
    seen = Starlette(
        routes=[
            Route("/", page.page),
            Route("/favicon.ico", page.page),
            Route("/assets/{name}", page.page),
            Route("/api/state", page.state),
        ]
    )
    guard = Guard(seen, token=token, port=port, on_the_network=on_the_network, program="straw serve")
    paths = ["/", "/favicon.ico", "/api/state", *(f"/assets/{name}" for name in (*OWN, *SHARED))]
    return [*(Route(path, guard) for path in paths), Route("/metrics", page.metrics(guard))]


class Page:
    """The answers."""

    def __init__(self, state: Callable[[], State]) -> None:
        self.state_now = state

    async def page(self, request: Request) -> Response:
        name = request.path_params.get("name", "serve.html")
        if request.url.path == "/favicon.ico":
            name = "icon.svg"
        data, kind = own(name) if name in OWN else file_named(name)
        return Response(data, media_type=kind)

    async def state(self, request: Request) -> Response:
        return Response(dumped(self.state_now().as_dict()).encode(), media_type="application/json")

    def metrics(self, guard: Guard) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not guard.is_ours(request.headers.get("host", "")):
                return PlainTextResponse("this is not an address of straw serve\n", 421)
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if guard.on_the_network and not guard.is_token(given):
                return PlainTextResponse("send the page's token: Authorization: Bearer TOKEN\n", 401)
            return Response(prometheus(self.state_now()), media_type=METRICS_KIND)

        return endpoint


@lru_cache
def own(name: str) -> tuple[bytes, str]:
    data = resources.files("straw.server.page").joinpath(name).read_bytes()
    return data, KINDS[name.rpartition(".")[2]]
