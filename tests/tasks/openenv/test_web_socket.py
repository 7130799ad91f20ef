"""A connection, its handshake and its end, against a few lines of a server that says what it is told."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from straw.tasks.openenv.frames import CLOSE, PING, PONG, TEXT, accepted, frame
from straw.tasks.openenv.web_socket import Background, SocketGone, WebSocket, in_thread, shake_hands, why


class Writer:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.said, self.closed = b"", 0

    def write(self, data: bytes) -> None:
        self.said += data

    def close(self) -> None:
        self.closed += 1


def shaken(answer: Callable[[bytes], bytes], path: str = "/ws") -> Writer:
    """With the answer to a key."""

    async def both() -> Writer:
        reader, writer = asyncio.StreamReader(limit=1000), Writer()

        def write(data: bytes) -> None:
            writer.said += data
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", data)
            assert key is not None
            reader.feed_data(answer(key[1]))
            reader.feed_eof()

        writer.write = write  # type: ignore[method-assign]
        try:
            await shake_hands(reader, writer, "host:1", path)  # type: ignore[arg-type]
        except SocketGone as gone:
            gone.add_note(str(writer.closed))
            raise
        return writer

    return asyncio.run(both())


def agreed(key: bytes) -> bytes:
    return b"HTTP/1.1 101 Switching\r\nX: 1\r\nsec-WebSocket-ACCEPT:  " + accepted(key) + b" \r\n\r\n"


def test_a_handshake_asks_for_the_path_with_a_key_of_sixteen_bytes() -> None:
    writer = shaken(agreed, "/a/ws")
    lines = writer.said.decode().split("\r\n")
    assert lines[0] == "GET /a/ws HTTP/1.1" and lines[-2:] == ["", ""] and writer.closed == 0
    assert lines[1:4] == ["Host: host:1", "Upgrade: websocket", "Connection: Upgrade"]
    assert re.fullmatch(r"Sec-WebSocket-Key: [\w+/]{22}==", lines[4]) and lines[5] == "Sec-WebSocket-Version: 13"
    assert shaken(agreed).said != writer.said  # a key of its own


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda key: agreed(key).replace(b"101", b"200"), "HTTP/1.1 200 Switching"),
        (lambda key: agreed(key[::-1]), "HTTP/1.1 101 Switching"),
        (lambda key: b"HTTP/1.1 101 Fine\r\n\r\n", "HTTP/1.1 101 Fine"),
        (lambda key: b"HTTP/1.1 404 " + b"x" * 100 + b"\r\n\r\n", "HTTP/1.1 404 " + "x" * 47),
    ],
)
def test_an_answer_of_another_kind_is_no_web_socket(answer: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(SocketGone) as caught:
        shaken(answer)
    assert str(caught.value) == f"host:1 has no web socket at /ws (it answers {said!r})"
    assert caught.value.__notes__ == ["1"]  # it was closed


def test_an_answer_of_101_needs_no_reason_behind_it() -> None:
    assert shaken(lambda key: agreed(key).replace(b" Switching", b"")).closed == 0


def test_an_answer_without_an_end_is_no_web_socket() -> None:
    with pytest.raises(SocketGone, match="host:1 is no web socket: its answer does not end"):
        shaken(lambda key: b"x" * 5000)


def test_a_reason_is_the_system_s_or_its_text_or_its_kind() -> None:
    assert why(OSError(2, "Nothing there")) == "Nothing there"
    assert why(OSError("just so")) == "just so"
    assert why(ConnectionResetError()) == "ConnectionResetError"


@pytest.mark.parametrize(
    ("url", "port", "secure", "path"),
    [
        ("ws://a/ws", 80, False, "/ws"), ("ws://a:81", 81, False, "/"), ("wss://a/b/ws", 443, True, "/b/ws"),
        ("https://a:444/", 444, True, "/"), ("http://a", 80, False, "/"),
    ],
)  # fmt: skip
def test_where_it_connects_to(url: str, port: int, secure: bool, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def connect(host: str, port: int, **options: Any) -> Any:
        asked.append((host, port, isinstance(options["ssl"], ssl.SSLContext), options["limit"]))
        return asyncio.StreamReader(), Writer()

    async def shake(reader: Any, writer: Any, host: str, path: str) -> None:
        asked.append((host, path))
        raise SocketGone("far enough")

    monkeypatch.setattr(asyncio, "open_connection", connect)
    monkeypatch.setattr("straw.tasks.openenv.web_socket.shake_hands", shake)
    with pytest.raises(SocketGone, match="far enough"):
        asyncio.run(WebSocket.open(url, 1.0))
    assert asked == [("a", port, secure, 1 << 20), (url.split("/")[2], path)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "a:1 does not answer within 2.5 seconds"),
        (ConnectionRefusedError(111, "Refused"), "a:1 cannot be reached (Refused)"),
        (asyncio.IncompleteReadError(b"", 4), "a:1 closed the connection before it was one"),
    ],
)
def test_what_cannot_be_opened_is_one_line(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(asyncio, "open_connection", connect)
    with pytest.raises(SocketGone) as caught:
        asyncio.run(WebSocket.open("ws://a:1/ws", 2.5))
    assert str(caught.value) == reason


async def opened(*frames: bytes, is_over: bool = False) -> tuple[Any, Writer]:
    reader, writer = asyncio.StreamReader(), Writer()
    for one in frames:
        reader.feed_data(one)
    if is_over:
        reader.feed_eof()
    return WebSocket(reader, writer, "host:1"), writer  # type: ignore[arg-type]


def server(kind: int, data: bytes) -> bytes:
    return frame(kind, data, masked=False)


def unmasked(data: bytes) -> list[tuple[int, bytes]]:
    """The frames of a client, short ones."""
    found = []
    while data:
        size = data[1] & 0x7F
        mask, masked = data[2:6], data[6 : 6 + size]
        found.append((data[0] & 15, bytes(one ^ mask[place % 4] for place, one in enumerate(masked))))
        assert data[1] & 0x80  # a client masks
        data = data[6 + size :]
    return found


def test_a_question_is_one_text_and_the_next_text_its_answer() -> None:
    async def talk() -> None:
        socket, writer = await opened(server(PING, b"you"), server(TEXT, b"one"), server(TEXT, b"two"))
        assert [await socket.ask("a", 1.0), await socket.ask("b", 1.0)] == ["one", "two"]
        assert socket.is_open and sorted(unmasked(writer.said)) == [(TEXT, b"a"), (TEXT, b"b"), (PONG, b"you")]
        socket.close()
        socket.close()  # twice is once
        assert not socket.is_open and writer.closed == 1 and unmasked(writer.said)[-1] == (CLOSE, b"\x03\xe8")
        before = writer.said
        socket.send(TEXT, b"late")
        assert writer.said == before
        socket.listening.cancel()

    asyncio.run(talk())


def test_a_socket_whose_answer_is_late_is_closed() -> None:
    async def talk() -> None:
        socket, writer = await opened()
        with pytest.raises(SocketGone) as caught:
            await socket.ask("a", 0.01234)
        assert str(caught.value) == "host:1 did not answer within 0.0123 seconds"
        assert not socket.is_open and writer.closed == 1
        socket.listening.cancel()

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ((), "host:1 closed the connection"),
        ((server(CLOSE, b"\x03\xe8"),), "host:1 closed the connection"),
        ((server(2, b"x"),), "host:1 is no web socket that straw can read: a frame of kind 2, where texts are spoken"),
    ],
)
def test_whoever_asks_a_socket_that_is_gone_is_told_why_each_time(frames: tuple[bytes, ...], reason: str) -> None:
    async def talk() -> None:
        socket, writer = await opened(*frames, is_over=True)
        for _ in range(3):
            with pytest.raises(SocketGone) as caught:
                await socket.ask("a", 1.0)
            assert str(caught.value) == reason
        assert not socket.is_open and writer.closed == 1

    asyncio.run(talk())


def test_an_error_of_the_system_is_told_with_its_reason() -> None:
    async def talk() -> None:
        socket, _ = await opened()
        socket.reader.set_exception(OSError(5, "Broken wire"))
        with pytest.raises(SocketGone, match=r"^host:1 closed the connection \(Broken wire\)$"):
            await socket.ask("a", 1.0)

    asyncio.run(talk())


def test_what_cannot_be_written_is_told_by_whoever_listens() -> None:
    def write(data: bytes) -> None:
        raise BrokenPipeError

    async def talk() -> None:
        socket, _ = await opened()
        socket.writer = SimpleNamespace(write=write, close=lambda: None)
        socket.send(TEXT, b"a")
        assert socket.is_open
        socket.listening.cancel()

    asyncio.run(talk())


# --- the thread


def test_one_thread_that_keeps_nothing_alive_answers_for_all() -> None:
    async def here() -> threading.Thread:
        return threading.current_thread()

    first, second = in_thread(here()).result(5), in_thread(here()).result(5)
    assert first is second and first.daemon and first is not threading.main_thread()


def test_with_the_program_all_that_waits_is_ended_and_a_fork_leaves_it_to_its_parent() -> None:
    background = Background()
    loop = background.running()
    assert background.running() is loop
    waits = [asyncio.run_coroutine_threadsafe(asyncio.sleep(60), loop) for _ in range(3)]
    made_by, background.pid = background.pid, -1  # as a process finds it that was forked
    background.end()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(5)
    assert not any(one.done() for one in waits)
    background.pid = made_by
    background.end()
    assert all(one.cancelled() for one in waits)
    background.pid = -1
    assert background.running() is not loop  # a process that was forked makes its own
    loop.call_soon_threadsafe(loop.stop)
    background.loop.call_soon_threadsafe(background.loop.stop)
    background.pid = -1  # nothing is left to end
