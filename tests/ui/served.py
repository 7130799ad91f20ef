"""A real server in a thread, for a browser and for streams, which have no end that a test client would wait for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from straw.ui.reading.runs import Runs
from straw.ui.server.app import Server
from straw.ui.server.serve import bound_to

TOKEN = "a-token-of-many-letters"


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, Server]]:
    """The port, and what answers there."""
    bound = bound_to("127.0.0.1", 0)
    port = bound.getsockname()[1]
    answers = Server(Runs(folder))
    app = answers.app(token=TOKEN, port=port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield port, answers
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()
