"""Ends of pipes: that none stays open, and that both directions go on at once, within bounds."""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

PIECE = 1 << 16


class Ended(StrEnum):
    """How a sandbox came to its end."""

    EXITED = "exited"
    TIME = "time"
    OUTPUT = "output"


class Ends:
    """Ends of pipes, of which none stays open."""

    def __init__(self) -> None:
        self.open: set[int] = set()

    def pipe(self) -> tuple[int, int]:
        pair = os.pipe()
        self.open.update(pair)
        return pair

    def close(self, *ends: int) -> None:
        for end in self.open.intersection(ends):
            self.open.discard(end)
            os.close(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close(*self.open)


def is_ready(end: int, seconds: float | None = None) -> bool:
    """Whether there is something to read within so many seconds, or ever."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))


@dataclass
class Talk:
    """Writes and reads at once, so that no full pipe makes both sides wait; who says more than a bound is ended."""

    ends: Ends
    writing: dict[int, bytes]
    reading: dict[int, int]
    heard: dict[int, bytearray] = field(default_factory=dict)

    def until(self, seconds: float, once_heard: float | None = None) -> Ended:
        """To the end of everything that is read, or for so many seconds; for so many from the first word on."""
        deadline = time.monotonic() + seconds
        for end in self.writing:
            os.set_blocking(end, False)
        waiting = set(self.reading)
        while waiting:
            left = deadline - time.monotonic()
            if left <= 0:
                return Ended.TIME
            ready = self._ready(waiting, left)
            for end in ready & {*self.writing}:
                self._write(end)
            for end in ready & waiting:
                piece = os.read(end, PIECE)
                if piece and once_heard is not None:
                    deadline, once_heard = time.monotonic() + once_heard, None
                if not piece:
                    waiting.discard(end)
                elif not self._keep(end, piece):
                    return Ended.OUTPUT
        return Ended.EXITED

    def _ready(self, waiting: set[int], seconds: float) -> set[int]:
        poll = select.poll()
        for end in waiting:
            poll.register(end, select.POLLIN)
        for end in self.writing:
            poll.register(end, select.POLLOUT)
        return {end for end, _ in poll.poll(1000 * seconds)}

    def said(self, end: int) -> bytes:
        return bytes(self.heard.get(end, b""))

    def _write(self, end: int) -> None:
        try:
            done = os.write(end, self.writing[end][:PIECE])
            self.writing[end] = self.writing[end][done:]
        except BrokenPipeError:
            self.writing[end] = b""
        if not self.writing[end]:
            self.ends.close(end)
            del self.writing[end]

    def _keep(self, end: int, piece: bytes) -> bool:
        heard = self.heard.setdefault(end, bytearray())
        heard += piece[: self.reading[end] - len(heard)]
        return len(heard) < self.reading[end]
