"""One writer at a time: a lock that the operating system lets go when its process ends, however it ends.

It is its owner's alone (0600), so nobody else can hold it against him. Where a file system keeps no locks the writer
is told so, once, and goes on.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path

from straw.errors import RunError
from straw.files import open_file, took_lock
from straw.runs.files.atomic_write import NOT_OURS, run_error

NAME, OURS_ALONE = ".lock", 0o600
HELD = Path("/proc/locks")  # every lock of this machine, by device and inode


class Lock:
    """Held from birth until `release`."""

    def __init__(self, folder: Path) -> None:
        try:
            self._descriptor = open_file(folder / NAME, os.O_RDWR | os.O_CREAT, mode=OURS_ALONE)
        except OSError as problem:
            raise run_error(problem, folder / NAME if problem.errno in NOT_OURS else folder) from problem
        with suppress(OSError):
            os.fchmod(self._descriptor, OURS_ALONE)  # one of an older version
        taken = took_lock(self._descriptor)
        if taken is False:
            os.close(self._descriptor)
            raise RunError(f"a run has one writer, and another process is writing {folder}: wait for it, or end it")
        if taken is None:
            warnings.warn(
                f"the file system of {folder} keeps no locks: see to it yourself that no second process writes there",
                stacklevel=3,
            )

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def is_held(folder: Path) -> bool:
    """Whether some process, this one included, is writing there."""
    try:
        descriptor = open_file(folder / NAME, os.O_RDWR)
    except PermissionError:
        return is_listed(folder / NAME)  # somebody else's
    except OSError:
        return False
    try:
        return took_lock(descriptor) is False
    finally:
        os.close(descriptor)


def is_listed(path: Path) -> bool:
    """Whether the system says that a file is locked; its owner's rights do not matter for that."""
    try:
        found, held = path.stat(), HELD.read_text().splitlines()
    except OSError:
        return False
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any(place in line.split() for line in held)
