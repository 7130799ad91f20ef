"""A server of an environment's folder (as `openenv init` makes it), begun for a run and ended with it.

    openenv:echo_game          echo_game/openenv.yaml names the app: server.app:app

It listens at this machine's own address, at a port that is free, in a process of its own with the interpreter that has
openenv, and says what it has to say in a log. One that died is begun again, three times at most.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from straw.errors import ConfigError
from straw.tasks.environments.own_python import needed_python, python_in
from straw.tasks.openenv.sessions import Server
from straw.tasks.openenv.web_socket import SocketGone

HOST = Path(__file__).with_name("host.py")
PAGE = "openenv.yaml"
START_S, END_S, MOST_STARTS = 120.0, 5.0, 4
TAIL = 300  # characters of the log that are told


@dataclass(slots=True, weakref_slot=True)
class LocalServer:
    folder: Path
    app: str
    process: subprocess.Popen[bytes] | None = None
    server: Server | None = None
    starts: int = 0
    log: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    @classmethod
    def of(cls, folder: Path) -> LocalServer:
        page = folder / PAGE
        try:
            lines = page.read_text(errors="replace").splitlines()
        except OSError as error:
            raise ConfigError(
                f"openenv:PLACE is a server's http://HOST:PORT, or a folder with {PAGE}; {folder} has none that can be "
                f"read ({error.strerror}): check the path, or make one with openenv init"
            ) from None
        named = [line.partition(":")[2].split("#")[0].strip(" '\"") for line in lines if line.startswith("app:")]
        if len(named) != 1 or ":" not in named[0]:
            raise ConfigError(f"{page} names the app of its server in one line, app: server.app:app; got {named}")
        return cls(folder, named[0])

    def running(self) -> Server:
        """Begun where it is not there."""
        if self.process is not None and self.process.poll() is None and self.server is not None:
            return self.server
        if self.starts == MOST_STARTS:
            raise SocketGone(f"the server of {self.folder} died {self.starts} times: {self.said()}")
        self.starts += 1
        self.server = self.begun()
        return self.server

    def begun(self) -> Server:
        own = python_in(self.folder / ".venv")
        python = own if own.is_file() else needed_python("openenv")
        self.log.truncate(0)
        process = subprocess.Popen(
            [str(python), str(HOST), self.app], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.process = process
        weakref.finalize(self, end, process)
        port = port_said(process)
        if port is None:
            end(process)
            raise SocketGone(f"the server of {self.folder} does not begin: {self.said()}")
        return Server(f"http://127.0.0.1:{port}")

    def close(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process, self.server, self.starts = None, None, 0

    def said(self) -> str:
        """The end of its log."""
        self.log.seek(0)
        text = self.log.read().decode(errors="replace")
        return " ".join(text.split())[-TAIL:] or "it said nothing"


def port_said(process: subprocess.Popen[bytes]) -> int | None:
    """The first line is awaited, and not for ever."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_S
    heard = b""
    while (left := deadline - time.monotonic()) > 0 and b"\n" not in heard:
        if select.select([process.stdout], [], [], left)[0]:
            piece = os.read(process.stdout.fileno(), 4096)
            if not piece:
                return None
            heard += piece
    return int(json.loads(heard)["port"]) if b"\n" in heard else None


def end(process: subprocess.Popen[bytes]) -> None:
    """Its input ends, and so does it; what it began of its own is its own affair."""
    assert process.stdin is not None and process.stdout is not None
    if process.stdout.closed:
        return
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()  # last: a thread may read it until then
