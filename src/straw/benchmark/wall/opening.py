"""How a learner's process is begun: in the open, or in a room that somebody puts around it.

    Open: (command, environment, folder) -> Opened        two pipes, and a way to end it all

`in_the_open` begins a plain process: another one of the same user, with the same disk and network. `room.in_a_room` is
another such function, a sandbox. One has to show straw's code, the interpreter and its packages inside, give the
command a folder to stand in, and let it fork; no file has to come out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol


class Opened(Protocol):
    @property
    def reader(self) -> IO[bytes]: ...
    @property
    def writer(self) -> IO[bytes]: ...
    def end(self) -> None:
        """Whatever it does, it and all that it began are over when this returns; may be called again."""


Open = Callable[[Sequence[str], Mapping[str, str], Path], Opened]


class InTheOpen:
    """A process group of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process, self.writer, self.reader = process, process.stdin, process.stdout

    def end(self) -> None:
        if self.process.returncode is None:  # else it was waited for, and its number may be another's by now
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, 9)
        self.process.wait()


def in_the_open(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Opened:
    return InTheOpen(
        subprocess.Popen(
            [*command], env=dict(environment), cwd=folder, start_new_session=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    )  # fmt: skip
