"""Web sockets (RFC 6455) as bytes: the frames of both sides and the handshake's answer, and no more.

    frame(TEXT, data, masked=True)                      a client masks what it sends, a server does not
    await read_message(reader, answer, most)            the next text; pings are answered, None: it was closed

Standard library alone, so that a world that talks over a socket needs nothing that straw has not.
"""

from __future__ import annotations

import os
import struct
from asyncio import IncompleteReadError, StreamReader
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from typing import NamedTuple

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LAST, MASKED = 0x80, 0x80  # bits of the first byte and of the second
SHORT, TWO_BYTES, EIGHT_BYTES = 125, 126, 127
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of the standard


class BadFrame(Exception):
    """The other side does not keep to the standard, or says too much."""


class Frame(NamedTuple):
    kind: int
    data: bytes
    is_last: bool


def accepted(key: bytes) -> bytes:
    """What a server answers to a client's key."""
    return b64encode(sha1(key + MAGIC, usedforsecurity=False).digest())


def frame(kind: int, data: bytes, *, masked: bool) -> bytes:
    size, mark = len(data), MASKED if masked else 0
    if size <= SHORT:
        head = struct.pack("!BB", LAST | kind, mark | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", LAST | kind, mark | TWO_BYTES, size)
    else:
        head = struct.pack("!BBQ", LAST | kind, mark | EIGHT_BYTES, size)
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + xored(data, mask)


def xored(data: bytes, mask: bytes) -> bytes:
    """As one number: a loop over bytes would take a hundred times as long."""
    long = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(long)).to_bytes(len(data))


async def read_frame(reader: StreamReader, most: int) -> Frame:
    first, second = await reader.readexactly(2)
    size = second & ~MASKED
    if size == TWO_BYTES:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == EIGHT_BYTES:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    if size > most:
        raise BadFrame(f"a message of {size:,} bytes, where {most:,} are the most")
    mask = await reader.readexactly(4) if second & MASKED else b""
    data = await reader.readexactly(size)
    return Frame(first & 0x0F, xored(data, mask) if mask else data, bool(first & LAST))


async def read_message(reader: StreamReader, answer: Callable[[int, bytes], None], most: int) -> str | None:
    """`answer` sends a frame of a kind. A message may come in parts, with pings between them."""
    parts = b""
    while True:
        try:
            found = await read_frame(reader, most - len(parts))
        except (IncompleteReadError, ConnectionError):
            return None
        if found.kind == PING:
            answer(PONG, found.data)
        elif found.kind == CLOSE:
            answer(CLOSE, found.data[:2])
            return None
        elif found.kind in (TEXT, CONTINUED):
            parts += found.data
            if found.is_last:
                return text_of(parts)
        elif found.kind != PONG:
            raise BadFrame(f"a frame of kind {found.kind}, where texts are spoken")


def text_of(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadFrame("a text that is no UTF-8") from None
