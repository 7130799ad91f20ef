"""A body as it arrives: decompressed within the limit, and looked over before anything is made of it.

decompress(body, "zstd", limits)   ->  bytes, never more than `body_bytes` of them, however small it was
read_json(body, limits)            ->  a dict, of bounded depth, without NaN
look_over(body, limits)            counts what a protobuf request holds, which costs nothing, before a parser
                                   makes 70 bytes of memory from each 2 that came
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted

WINDOW = 1 << 25  # bytes that a zstd frame may refer back to
PIECE = 256  # compressed bytes at a time: they can grow to 8 MB, and no more
BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)  # and texts, closed or not, whose brackets are none
DATA, NUM_PARTS = 3, 4  # the field of a request that holds data; a datum's fields, all repeated, are 1 to 4
ZSTD_IS_MISSING = (
    "this server cannot read zstd (pip install zstandard there): send the body as it is, without a Content-Encoding"
)


def decompress(body: bytes, encoding: str | None, limits: Limits) -> bytes:
    name = (encoding or "identity").strip().lower()
    limits.at_most("body_bytes", len(body), "bytes of a body")
    if name in ("identity", ""):
        return body
    if name == "gzip":
        found = gunzipped(body, limits.body_bytes + 1)
    elif name == "zstd":
        found = unzstd(body, limits.body_bytes + 1)
    else:
        raise BadRequest(f"a body's Content-Encoding is identity, gzip or zstd, got {quoted(name)}: send it as it is")
    if len(found) > limits.body_bytes:
        raise BadRequest(
            f"bytes of a body, decompressed: at most {limits.body_bytes:,} (body_bytes), got more: send less at once",
            413,
        )
    return found


def gunzipped(body: bytes, most: int) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    try:
        found = unzip.decompress(body, most)
    except zlib.error as error:
        raise BadRequest("the body is not what its Content-Encoding says, gzip: compress it again") from error
    if len(found) < most and not unzip.eof:
        raise BadRequest("the body's gzip ends before its end: send all of it")
    return found


def unzstd(body: bytes, most: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise BadRequest(ZSTD_IS_MISSING) from error
    reader = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
    pieces, size, at = [], 0, 0
    try:
        while size < most and not reader.eof and at < len(body):
            pieces.append(reader.decompress(body[at : at + PIECE]))
            size, at = size + len(pieces[-1]), at + PIECE
    except zstandard.ZstdError as error:
        raise BadRequest("the body is not what its Content-Encoding says, zstd: compress it again") from error
    if size < most and not reader.eof:
        raise BadRequest("the body's zstd ends before its end: send all of it")
    return b"".join(pieces)


# --- JSON


def read_json(body: bytes, limits: Limits) -> dict[str, Any]:
    """The object of a body; an empty body is an empty one, as the SDK sends some."""
    limits.at_most("json_bytes", len(body), "bytes of a JSON body")
    if not body.strip():
        return {}
    if depth(body) > limits.json_depth:
        raise BadRequest(f"JSON is nested at most {limits.json_depth} deep (json_depth), and this is more", 413)
    try:
        found = json.loads(body, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error.__cause__, BadRequest):
            raise error.__cause__ from None
        raise BadRequest("the body is no JSON: send an object, in UTF-8, with Content-Type application/json") from error
    if rb"\u" in body and not is_encodable(found):
        raise BadRequest("a text in the body has half of a character (a lone surrogate): send whole characters")
    if not isinstance(found, dict):
        raise BadRequest(f"the body is a JSON object, got {quoted(found)}: send {{...}}")
    return found


def is_encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_constant(name: str) -> None:
    raise ValueError from BadRequest(f"numbers in JSON are finite, got {name}: send another, or leave it out")


def depth(body: bytes) -> int:
    """How deep brackets go, found without a parser's stack."""
    deepest = level = 0
    for found in BRACKETS.finditer(body):
        one = found[0]
        level += 1 if one in (b"[", b"{") else -1 if one in (b"]", b"}") else 0
        deepest = max(deepest, level)
    return deepest


# --- protobuf


def look_over(body: bytes, limits: Limits) -> None:
    """Data of a request, and parts of its data, counted."""
    num_data = num_parts = 0
    for num_fields, (number, start, end) in enumerate(fields(body, 0, len(body)), 1):
        if number == DATA:
            num_data += 1
            num_parts += sum(1 for _ in fields(body, start, end))
        limits.at_most("data_per_request", num_data, "data of a request")
        limits.at_most("parts_per_request", num_parts, "chunks, inputs and spans of a request's data")
        limits.at_most("parts_per_request", num_fields, "fields of a request")


def fields(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each field of a message: its number, and where its value is."""
    while at < end:
        tag, at = varint(body, at, end)
        kind = tag & 7
        if kind == 0:
            start, (_, at) = at, varint(body, at, end)
        elif kind in (1, 5):
            start, at = at, at + (8 if kind == 1 else 4)
        elif kind == 2:
            size, start = varint(body, at, end)
            at = start + size
        else:
            raise no_protobuf()
        if at > end:
            raise no_protobuf()
        yield tag >> 3, start, at


def varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        one = body[at]
        value, shift, at = value | (one & 127) << shift, shift + 7, at + 1
        if one < 128:
            return value, at
    raise no_protobuf()


def no_protobuf() -> BadRequest:
    return BadRequest("the body is no ForwardBackwardRequest of tinker_public: send what the SDK sends")
