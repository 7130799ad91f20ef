"""A link between two sockets of this process: whoever asks is answered, or told that the link is lost."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from straw.engines.monarch.hosts.wire.link import Link, Lost, Refused


async def answered(act: str, value: Any, blob: bytes) -> tuple[Any, bytes]:
    """`raise` as nobody foresaw, `object` with something that no message holds, else what was said."""
    if act == "raise":
        raise RuntimeError("of a kind of its own")
    return (object() if act == "object" else value), blob


async def asked(act: str, value: Any = None) -> Any:
    ends = [await asyncio.open_connection(sock=one) for one in socket.socketpair()]
    ours, theirs = (Link(reader, writer, answered, lambda what, value, blob: None) for reader, writer in ends)
    try:
        return await asyncio.wait_for(ours.ask(act, value), 4.0)
    finally:
        await ours.close()
        await theirs.close()


def test_what_is_asked_is_answered() -> None:
    assert asyncio.run(asked("say", [1, "two"])) == ([1, "two"], b"")


def test_an_error_that_nobody_foresaw_is_an_answer_too() -> None:
    with pytest.raises(Refused, match="RuntimeError: of a kind of its own"):
        asyncio.run(asked("raise"))


def test_an_answer_that_cannot_be_sent_ends_the_link_and_not_in_silence() -> None:
    with pytest.raises(Lost):
        asyncio.run(asked("object"))
