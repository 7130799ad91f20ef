"""Monarch's own log: in the run folder as monarch.log, for its owner alone, and never longer than LIMIT.

Monarch writes to /tmp/USER/monarch_log_SUFFIX.log, open to everybody and without an end, and asks nobody. So each
process puts another file in the place of that one as soon as it is open, and removes the name:

    Monarch in every process  ->  memory without a name (memfd)  ->  monarch.log, when there is a run folder

Nothing of it is left when a process is killed. SUFFIX is drawn by chance: in /tmp others can make names beforehand.
"""

from __future__ import annotations

import atexit
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "monarch.log"
LIMIT = 2**20  # bytes
SUFFIX = "MONARCH_LOG_SUFFIX"


class Log:
    """The log of this process and of all that it begins; `path` is where they write."""

    def __init__(self) -> None:
        os.environ[SUFFIX] = f"straw{secrets.token_hex(8)}"
        self.memory = os.memfd_create("monarch-log", os.MFD_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self.memory}"
        self.folder: Path | None = None

    @contextmanager
    def taking_over(self) -> Iterator[None]:
        """Monarch begins inside; what it says on stderr meanwhile, where it would log, is in the log too."""
        if not own_folder().exists():
            atexit.register(leave)
        sys.stderr.flush()
        stderr, ours = os.dup(2), os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.dup2(ours, 2)
        os.close(ours)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            take_over(self.path)

    def keep_in(self, folder: Path | None) -> None:
        """From now on, and what there is already, where there was no other folder; None: the run is over."""
        if self.folder is None:
            self.folder = folder
        self.drain()
        self.folder = folder
        if folder is not None:
            with suppress(OSError):
                append(folder / NAME, b"")  # there to be followed before anything is said

    def drain(self) -> None:
        """From memory into the folder; where that is full, the run will say so."""
        with suppress(OSError):
            if self.folder is not None or os.fstat(self.memory).st_size > LIMIT:
                new = self.take()
                if new and self.folder is not None:
                    append(self.folder / NAME, new)

    def take(self) -> bytes:
        """What was written since it was taken last, at most LIMIT bytes of it."""
        size = os.fstat(self.memory).st_size
        new = os.pread(self.memory, LIMIT, max(0, size - LIMIT)) if size else b""
        if size:
            os.ftruncate(self.memory, 0)
        return new


def append(path: Path, new: bytes) -> None:
    """At most LIMIT bytes stay, the newest; never through a link."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size + len(new) > LIMIT:
            keep = max(0, LIMIT // 2 - len(new))
            new = (os.pread(descriptor, keep, max(0, size - keep)) + new)[-LIMIT:]
            os.ftruncate(descriptor, 0)
        os.write(descriptor, new)
    finally:
        os.close(descriptor)


def take_over(path: str) -> None:
    """Whatever this process's Monarch has opened as its log is `path` from now on."""
    suffix = os.environ.get(SUFFIX, "")
    for name in os.listdir("/proc/self/fd") if suffix else ():
        with suppress(OSError):
            theirs = os.readlink(f"/proc/self/fd/{name}")
            if f"_{suffix}.log" in theirs:
                ours = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                os.dup2(ours, int(name), inheritable=False)
                os.close(ours)
                os.unlink(theirs)


def leave() -> None:
    """The folder that Monarch made for its log, and that nobody else has put anything into."""
    with suppress(OSError):
        own_folder().rmdir()


def own_folder() -> Path:
    """Where Monarch makes its log."""
    import pwd

    with suppress(KeyError):
        return Path("/tmp", pwd.getpwuid(os.geteuid()).pw_name)
    return Path("/tmp/monarch")
