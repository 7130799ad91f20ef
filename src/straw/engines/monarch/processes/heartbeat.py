"""Beats of a process, counted in memory that it shares with whoever watches it.

    heart = Heart()                      the watcher's side: heart.count
    beat = beating(heart.handle)         the process's side, to be called at every layer (see engines.local.heartbeat)

A beat adds one to a number in mapped memory: about 60 nanoseconds.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass

from straw.engines.monarch.processes.identity import mine


@dataclass(frozen=True, slots=True)
class HeartHandle:
    """Where the memory is; on another machine the same path may lead to something else."""

    path: str
    boot: str
    inode: int


class Heart:
    def __init__(self) -> None:
        self.descriptor = os.memfd_create("beats", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, mmap.PAGESIZE)
        self.cell = mmap.mmap(self.descriptor, mmap.PAGESIZE)
        path = f"/proc/{os.getpid()}/fd/{self.descriptor}"
        self.handle = HeartHandle(path, mine().boot, os.fstat(self.descriptor).st_ino)

    @property
    def count(self) -> int:
        return int.from_bytes(self.cell[:8], "little")

    def close(self) -> None:
        if self.descriptor >= 0:
            self.cell.close()
            os.close(self.descriptor)
        self.descriptor = -1


def beating(handle: HeartHandle) -> Callable[[], None] | None:
    """None: the memory is not to be had here."""
    try:
        descriptor = os.open(handle.path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if (mine().boot, os.fstat(descriptor).st_ino) != (handle.boot, handle.inode):
            return None
        cell = memoryview(mmap.mmap(descriptor, mmap.PAGESIZE)).cast("Q")
    finally:
        os.close(descriptor)

    def beat() -> None:
        cell[0] += 1

    return beat
