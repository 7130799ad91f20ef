"""One writer at a time: a lock that the operating system lets go when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from straw.errors import RunError
from straw.runs.whole import run_error

NAME = ".lock"


class Lock:
    """Held from birth until `release`."""

    def __init__(self, folder: Path) -> None:
        try:
            self._descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as problem:
            raise run_error(problem, folder) from problem
        if not _take(self._descriptor):
            os.close(self._descriptor)
            raise RunError(f"a run has one writer, and another process is writing {folder}: wait for it, or end it")

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def is_held(folder: Path) -> bool:
    """Whether some process, this one included, is writing there."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
