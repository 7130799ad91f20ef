"""Web sockets against the examples of the standard (RFC 6455, 1.3 and 5.7)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as some

from straw.tasks.openenv.frames import PONG, TEXT, BadFrame, accepted, frame, read_frame, read_message


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


def read(data: bytes, most: int = 1 << 20) -> tuple[list[str | None], list[tuple[int, bytes]]]:
    """All messages up to the end, and what was answered on the way."""
    answers: list[tuple[int, bytes]] = []

    async def all_of() -> list[str | None]:
        reader, found = reader_of(data), []
        while True:
            found.append(await read_message(reader, lambda kind, data: answers.append((kind, data)), most))
            if found[-1] is None:
                return found

    return asyncio.run(all_of()), answers


def test_the_handshake_of_the_standard() -> None:
    assert accepted(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_frames_of_the_standard() -> None:
    hello, masked = bytes.fromhex("810548656c6c6f"), bytes.fromhex("818537fa213d7f9f4d5158")
    assert frame(TEXT, b"Hello", masked=False) == hello
    assert read(hello + masked)[0] == ["Hello", "Hello", None]
    in_parts = bytes.fromhex("010348656c") + bytes.fromhex("890548656c6c6f") + bytes.fromhex("80026c6f")
    assert read(in_parts) == (["Hello", None], [(PONG, b"Hello")])


@given(some.binary(max_size=300), some.booleans())
def test_a_frame_that_is_written_is_read(data: bytes, masked: bool) -> None:
    async def back() -> bytes:
        return (await read_frame(reader_of(frame(TEXT, data, masked=masked)), 1 << 20)).data

    assert asyncio.run(back()) == data


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536])
def test_every_length_has_its_head(size: int) -> None:
    assert read(frame(TEXT, b"a" * size, masked=True))[0] == ["a" * size, None]


@pytest.mark.parametrize(
    ("data", "why"),
    [(frame(TEXT, b"a" * 11, masked=False), "11 bytes"), (frame(TEXT, b"\xff", masked=False), "UTF-8"),
     (frame(2, b"a", masked=False), "kind 2"), (b"\x81\x7f" + b"\xff" * 8, "most")],
)  # fmt: skip
def test_what_is_no_text_is_refused_before_it_is_read(data: bytes, why: str) -> None:
    with pytest.raises(BadFrame, match=why):
        read(data, most=10)


def test_a_connection_that_breaks_off_is_over() -> None:
    assert read(b"\x81\x05Hel")[0] == [None]
    assert read(bytes.fromhex("880203e8")) == ([None], [(8, b"\x03\xe8")])


def test_a_length_is_written_in_the_fewest_bytes() -> None:
    """As the standard wants it; a server may refuse the others."""
    heads = {125: "817d", 126: "817e007e", 65_535: "817effff", 65_536: "817f0000000000010000"}
    for size, head in heads.items():
        assert frame(TEXT, b"a" * size, masked=False)[: len(head) // 2].hex() == head
    assert frame(TEXT, b"a" * 126, masked=True)[:4].hex() == "81fe007e"


def test_as_much_as_may_be_said_may_be_said_in_parts_too() -> None:
    ten = frame(TEXT, b"a" * 10, masked=True)
    parts = b"\x01\x06" + b"a" * 6 + b"\x00\x03" + b"b" * 3 + b"\x80\x01c"
    assert read(ten + parts, most=10)[0] == ["a" * 10, "a" * 6 + "bbbc", None]
    with pytest.raises(BadFrame, match="2 bytes, where 1 are"):
        read(b"\x01\x06" + b"a" * 6 + b"\x00\x03" + b"b" * 3 + b"\x80\x02cc", most=10)


def test_pongs_are_passed_over_and_a_close_is_answered_with_its_code_alone() -> None:
    assert read(b"\x8a\x02hi" + frame(TEXT, b"a", masked=False))[0] == ["a", None]
    assert read(b"\x88\x06\x03\xe8done") == ([None], [(8, b"\x03\xe8")])
