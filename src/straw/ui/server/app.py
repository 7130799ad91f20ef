"""The page and its data: runs are named by ids of an index, and no path ever comes from a request.

/                     the page          /assets/NAME     its script and style
/api/runs             the list
/api/run?id=          one run: page with provenance, events, numbers
/api/curves?runs=&metrics=
/api/samples?id=&kind=newest|best|worst|changed
/api/compare?runs=&by=run|condition
/api/stream?runs=&metrics=&version=      what is new, as server-sent events
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from straw.errors import RunError
from straw.ui.page.files import FILES, file_named
from straw.ui.reading.compared import compared
from straw.ui.reading.run import Run
from straw.ui.reading.runs import Runs
from straw.ui.reading.samples import KINDS, MOST, samples_to_read
from straw.ui.server.guard import Guard
from straw.ui.server.stream import Viewer, dumped, events

MOST_RUNS, MOST_METRICS, MOST_VIEWERS = 240, 12, 16  # of one question; pages that are open at a time


class Server:
    """The answers, by address."""

    def __init__(self, runs: Runs) -> None:
        self.runs, self.num_viewers = runs, 0

    def app(self, *, token: str, port: int, on_the_network: bool = False) -> ASGIApp:
        routes = [
            Route("/", self.page),
            *(Route(f"/assets/{name}", self.page) for name in FILES),
            Route("/favicon.ico", self.page),  # which browsers ask for whatever the page says
            Route("/api/runs", self.told(self.listed)),
            Route("/api/run", self.told(self.run)),
            Route("/api/curves", self.told(self.curves)),
            Route("/api/samples", self.told(self.samples, is_long=True)),
            Route("/api/compare", self.told(self.compare)),
            Route("/api/stream", self.stream),
        ]
        return Guard(Starlette(routes=routes), token=token, port=port, on_the_network=on_the_network)

    def told(self, question: Callable[[Request], Any], *, is_long: bool = False) -> Callable[[Request], Any]:
        """The answer to a question as JSON, worked out in a thread: it may read files. A long one lets others ask."""

        def answer(request: Request) -> bytes:
            self.runs.refresh()
            with nullcontext() if is_long else self.runs.lock:
                return dumped(question(request)).encode()

        async def endpoint(request: Request) -> Response:
            return Response(await run_in_threadpool(answer, request), media_type="application/json")

        return endpoint

    async def page(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/assets/")
        data, kind = file_named("icon.svg" if name == "/favicon.ico" else name)
        return Response(data, media_type=kind)

    # --- questions

    def listed(self, request: Request) -> dict[str, Any]:
        return {"root": self.runs.root.absolute().as_posix(), **self.runs.rows()}

    def run(self, request: Request) -> dict[str, Any]:
        return self.named(request.query_params.get("id", "")).facts()

    def curves(self, request: Request) -> list[dict[str, Any]]:
        ids, metrics = self.several(request), metrics_of(request)
        viewer, runs = Viewer(self.runs, ids, metrics), [self.runs.by_id[id] for id in ids]
        for run in runs:
            run.keep(metrics)
        return [one for run in runs for name in metrics if (one := viewer.points(run, name)) is not None]

    def samples(self, request: Request) -> dict[str, Any]:
        kind, count = request.query_params.get("kind", KINDS[0]), request.query_params.get("count", "12")
        if kind not in KINDS or not (count.isascii() and count.isdecimal() and len(count) < 4):
            raise HTTPException(400, f"kind is one of {', '.join(KINDS)}, and count a number")
        run = self.named(request.query_params.get("id", ""))
        try:
            return samples_to_read(run, kind, min(int(count), MOST))
        except RunError as problem:
            return {"kind": kind, "rollouts": [], "note": str(problem)}

    def compare(self, request: Request) -> dict[str, Any]:
        runs = [self.named(id) for id in self.several(request)]
        return compared(runs, "condition" if request.query_params.get("by") == "condition" else "run")

    async def stream(self, request: Request) -> Response:
        if self.num_viewers >= MOST_VIEWERS:
            raise HTTPException(503, f"{MOST_VIEWERS} pages are open already: close one")
        version = request.query_params.get("version", "0")
        since = int(version) if version.isascii() and version.isdecimal() and len(version) < 16 else 0
        ids, metrics = self.several(request), metrics_of(request)
        viewer = Viewer(self.runs, ids, metrics, since if since <= self.runs.version else 0)
        self.runs.wanted = set(ids)

        async def counted() -> Any:
            self.num_viewers += 1
            try:
                async for event in events(viewer):
                    yield event
            finally:
                self.num_viewers -= 1

        return StreamingResponse(counted(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    # --- what a request may name

    def named(self, id: str) -> Run:
        run = self.runs.get(id)
        if run is None:
            raise HTTPException(404, "there is no run of that id")
        return run

    def several(self, request: Request) -> list[str]:
        ids = [one for one in request.query_params.get("runs", "").split(",") if one]
        return [id for id in ids[:MOST_RUNS] if id in self.runs.by_id]


def metrics_of(request: Request) -> list[str]:
    return [one for one in request.query_params.getlist("metric") if one][:MOST_METRICS]
