"""How a sandbox is spoken to: a line of words, the last of them a number of bytes, and then so many bytes.

script 4\\n3 4\\n        exited 0 2\\n7\\n
"""

from __future__ import annotations

import os
import select
import time

PIECE = 1 << 16
HEADER = 200  # bytes


class ClosedError(Exception):
    """Nothing more will be said."""


def frame(head: str, content: bytes = b"") -> bytes:
    return f"{head} {len(content)}\n".encode() + content


def tell(end: int, content: bytes) -> None:
    while content:
        content = content[os.write(end, content) :]


class Frames:
    """Reads them from a pipe."""

    def __init__(self, end: int) -> None:
        self.end, self.heard = end, b""

    def next(self) -> tuple[list[str], bytes]:
        """The words before the number, and the bytes behind it."""
        while b"\n" not in self.heard:
            self._more()
        head, _, self.heard = self.heard.partition(b"\n")
        *words, size = head.decode().split()
        parts, wanted = [], int(size)
        while wanted > len(self.heard):
            wanted -= len(self.heard)
            parts.append(self.heard)
            self.heard = b""
            self._more()
        parts.append(self.heard[:wanted])
        self.heard = self.heard[wanted:]
        return words, b"".join(parts)

    def _more(self) -> None:
        piece = os.read(self.end, PIECE)
        if not piece:
            raise ClosedError
        self.heard += piece


def line_from(end: int, most: int, until: float) -> bytes | str:
    """A line of somebody who is not trusted, or what came instead: "exited", "time" or "output"."""
    heard = bytearray()
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([end], [], [], left)[0]:
            return "time"
        piece = os.read(end, PIECE)
        if not piece:
            return "exited"
        heard += piece
        if b"\n" in piece:
            return bytes(heard[: heard.index(b"\n")])
        if len(heard) > most:
            return "output"
