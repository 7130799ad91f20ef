"""Runs in the interpreter that has openenv: an app of an environment's folder, until its input ends.

    python host.py server.app:app          says {"port": N} on its first line of output

It stands alone: that interpreter has no straw. Whoever began it holds its input open, so that it ends with them,
however they end; what the app prints goes to the log.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any


def main(place: str) -> None:
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    Thread(target=end_with_input, daemon=True).start()
    sys.path.insert(0, os.getcwd())
    import uvicorn

    app = app_at(place)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen(256)
    print(json.dumps({"port": bound.getsockname()[1]}), file=told, flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", ws_max_size=100 << 20)).run(sockets=[bound])


def app_at(place: str) -> Any:
    """Of the folder as it stands, or as a package of its own name, where its files refer to each other as in one."""
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        if "relative import" not in str(error):
            raise
    here = Path.cwd()
    sys.path.insert(0, str(here.parent))
    return getattr(import_module(f"{here.name}.{module}"), name)


def end_with_input() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
