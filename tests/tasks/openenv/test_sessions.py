"""What a server's answers come to, without one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from straw.tasks.openenv.sessions import Refused, Server, Session, answered, is_loopback, said_in
from straw.tasks.openenv.web_socket import SocketGone, why


def test_reasons_are_told_by_field_and_not_at_any_length() -> None:
    errors = [{"loc": ["board", 3], "msg": "is taken"}, {"msg": "late"}, {"loc": ["row"]}]
    assert said_in({"errors": errors, "message": "no"}) == "board.3: is taken; : late; row: "
    assert said_in({"errors": [], "message": "no"}) == said_in({"errors": ["x"], "message": "no"}) == "no"
    assert said_in({}) == "no reason"
    assert said_in({"message": "x" * 900}) == "x" * 500
    assert said_in({"errors": [{"loc": ["a"], "msg": "x" * 900}]}) == "a: " + "x" * 497


def test_an_answer_is_of_the_kind_that_was_asked_for() -> None:
    assert answered("reset", json.dumps({"type": "observation", "data": {"a": 1}}), "here") == {"a": 1}
    assert answered("state", json.dumps({"type": "state", "data": {}}), "here") == {}
    with pytest.raises(SocketGone, match="here answered step with 'state'"):
        answered("step", json.dumps({"type": "state", "data": {}}), "here")
    with pytest.raises(Refused, match="no board") as caught:
        answered("step", json.dumps({"type": "error", "data": {"code": "FULL", "message": "no board"}}), "here")
    assert caught.value.code == "FULL"


@pytest.mark.parametrize("text", ["hello", "[]", '{"type": "state"}', '{"data": []}', "[" * 100_000])
def test_what_is_no_answer_is_told_by_its_beginning(text: str) -> None:
    with pytest.raises(SocketGone, match="here does not speak OpenEnv's protocol: it said") as caught:
        answered("step", text, "here")
    assert str(caught.value).endswith(repr(text[:80]))


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:1", True), ("http://127.0.0.1:1", True), ("http://127.9.9.9", True),
        ("http://[::1]:1", True), ("http://10.0.0.1", False), ("https://example.org", False), ("nonsense", False),
    ],
)  # fmt: skip
def test_this_machine_is_known_by_its_names(url: str, is_here: bool) -> None:
    assert is_loopback(url) is is_here


@pytest.mark.parametrize(("url", "socket"), [("http://a:1", "ws://a:1/ws"), ("https://a/b", "wss://a/b/ws")])
def test_a_server_s_socket_lies_below_its_address(url: str, socket: str) -> None:
    assert Server(url).socket_url == socket


def test_a_session_with_no_time_left_is_not_asked() -> None:
    class Socket:
        place, is_open = "here", True
        said: list[tuple[Any, float]] = []  # noqa: RUF012

        async def ask(self, text: str, seconds: float) -> str:
            self.said.append((json.loads(text), seconds))
            return '{"type": "state", "data": {"n": 1}}'

    session: Any = Session(Socket())  # type: ignore[arg-type]
    for seconds in (0.0, -1.0):
        with pytest.raises(SocketGone, match="here had no time left"):
            asyncio.run(session.ask("state", None, seconds))
    assert asyncio.run(session.ask("state", None, 0.5)) == {"n": 1}
    with pytest.raises(SocketGone):
        asyncio.run(session.ask("step", {"a": 1}, 2.0))
    assert Socket.said == [({"type": "state"}, 0.5), ({"type": "step", "data": {"a": 1}}, 2.0)]


def test_why_a_socket_failed_is_always_a_word() -> None:
    assert why(OSError(111, "Connection refused")) == "Connection refused"
    assert why(OSError("Multiple exceptions")) == "Multiple exceptions"  # as asyncio raises it: no strerror
    assert why(ConnectionResetError()) == "ConnectionResetError"
