"""A server in a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

import straw

SRC = Path(straw.__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1", "TINKER_TELEMETRY": "0"}
BEGIN_S = 120.0


class Server:
    """`kill` is -9, `begin` starts it again on the same folder and port."""

    def __init__(self, folder: Path, port: int, *words: str, **environment: str) -> None:
        self.folder, self.port, self.words = folder, port, words
        self.environment = {**ENVIRONMENT, **environment}
        self.log = folder.parent / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "straw", "serve", f"port={self.port}", f"folder={self.folder}", *self.words]

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment, stdout=log, stderr=log)
        until = monotonic() + BEGIN_S
        while monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            try:
                with urlopen(f"{self.url}/api/v1/healthz", timeout=5):
                    return
            except OSError:
                sleep(0.1)
        raise AssertionError(f"no server within {BEGIN_S} s: {self.log.read_text()}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> int:
        """As Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Server]:
    server = Server(folder / "serve", free_port(), *words)
    server.begin()
    try:
        yield server
    finally:
        server.kill()


# The SDK leaves threads behind, and an interpreter that takes itself apart beneath them aborts once in some hundred
# times, with all work done: so it ends without.
CLIENT = """
import os, runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
sys.stdout.flush()
os._exit(0)
"""


def program(server: Server, file: Path, *words: str, python: str = sys.executable, **environment: str) -> Any:
    """A client in a process of its own; what it printed last."""
    found = subprocess.run(
        [python, "-c", CLIENT, str(file), *words], capture_output=True, text=True, timeout=280,
        env={**ENVIRONMENT, "TINKER_BASE_URL": server.url, "TINKER_API_KEY": "tml-test", **environment},
    )  # fmt: skip
    assert found.returncode == 0, f"{found.returncode}\n{found.stdout}\n{found.stderr}\n{server.log.read_text()}"
    return found.stdout.strip().splitlines()[-1]
