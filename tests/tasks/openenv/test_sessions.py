"""What a server's answers come to, without one."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from straw.tasks.openenv.sessions import MOST_SCHEMA, Refused, Server, Session, answered, is_loopback, said_in
from straw.tasks.openenv.web_socket import SocketGone, WebSocket, why


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


def test_half_of_a_character_that_a_server_says_is_spelled_out_for_no_tokenizer_takes_it() -> None:
    data = {"observation": {"text": "a\ud800b", "\udc00": [1, None, "\U0001f600"]}, "done": True}
    assert answered("step", json.dumps({"type": "observation", "data": data}), "here") == {
        "observation": {"text": "a\\ud800b", "\\udc00": [1, None, "\U0001f600"]}, "done": True
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        answered("step", json.dumps({"type": "error", "data": {"message": "no \ud800"}}), "here")
    assert str(refused.value) == "no \\ud800"


@pytest.mark.parametrize("text", ["hello", "[]", '{"type": "state"}', '{"data": []}', "[" * 100_000, '{"data": {}}'])
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


class Socket:
    """Answers with one text, always."""

    place = "here"

    def __init__(self, answer: Any) -> None:
        self.answer, self.is_open, self.asked = json.dumps(answer), True, []  # type: ignore[var-annotated]

    async def ask(self, text: str, seconds: float) -> str:
        self.asked.append((json.loads(text), seconds))
        return self.answer

    def close(self) -> None:
        self.is_open = False


def refusal(code: str) -> dict[str, Any]:
    return {"type": "error", "data": {"code": code, "message": "no"}}


def opened(answer: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Session | Refused, Socket]:
    socket, places = Socket(answer), []

    async def open(url: str, seconds: float) -> Socket:
        places.append((url, seconds))
        return socket

    monkeypatch.setattr(WebSocket, "open", open)
    found: Session | Refused
    try:
        found = asyncio.run(Server("http://a:1").open(3.0))
    except Refused as refused:
        found = refused
    assert places == [("ws://a:1/ws", 3.0)] and socket.asked == [({"type": "state"}, 3.0)]
    return found, socket


@pytest.mark.parametrize("code", ["CAPACITY_REACHED", "FACTORY_ERROR", "SESSION_ERROR"])
def test_a_server_that_gives_no_session_says_so_behind_the_handshake(code: str, monkeypatch: Any) -> None:
    found, socket = opened(refusal(code), monkeypatch)
    assert isinstance(found, Refused) and found.code == code and not socket.is_open


def test_a_session_that_cannot_tell_its_state_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in ({"type": "state", "data": {}}, refusal("EXECUTION_ERROR")):
        found, socket = opened(answer, monkeypatch)
        assert isinstance(found, Session) and found.is_open
        found.close()
        assert not socket.is_open and not found.is_open


def schema_at(url: str, answer: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Any]]:
    """What /schema says, or the words of its failure; and how it was asked."""
    asked: list[Any] = []

    class Opener:
        def open(self, url: str, timeout: float) -> Any:
            asked.append((url, timeout))
            if isinstance(answer, Exception):
                raise answer
            return io.BytesIO(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def build(*handlers: Any) -> Opener:
        asked.append([one.proxies for one in handlers])
        return Opener()

    monkeypatch.setattr(urllib.request, "build_opener", build)
    try:
        return Server(url).schema(7.0), asked
    except SocketGone as gone:
        return str(gone), asked


def test_a_schema_is_asked_for_below_the_address_and_past_any_proxy_on_this_machine(monkeypatch: Any) -> None:
    schema: dict[str, Any] = {"action": {"properties": {}}, "state": {}}
    assert schema_at("http://127.0.0.1:1/a", schema, monkeypatch) == (
        schema, [[{}], ("http://127.0.0.1:1/a/schema", 7.0)]
    )  # fmt: skip
    assert schema_at("https://example.org", schema, monkeypatch)[1] == [[], ("https://example.org/schema", 7.0)]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([1], "http://a is no OpenEnv server: its /schema names no action"),
        ({"state": {}}, "http://a is no OpenEnv server: its /schema names no action"),
        ({"action": "text"}, "http://a is no OpenEnv server: its /schema names no action"),
        (b"<html>", "http://a is no OpenEnv server: its /schema names no action"),
        (b'{"action": {}}'.ljust(MOST_SCHEMA) + b"x", {"action": {}}),
        (b" ".ljust(MOST_SCHEMA) + b'{"action": {}}', "http://a is no OpenEnv server: its /schema names no action"),
        (urllib.error.HTTPError("a", 404, "Gone", {}, None),  # type: ignore[arg-type]
         "http://a is no OpenEnv server: it answers 404 to /schema"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Refused")), "http://a cannot be reached (Refused)"),
        (urllib.error.URLError("no such host"), "http://a cannot be reached (no such host)"),
        (TimeoutError("timed out"), "http://a cannot be reached (timed out)"),
    ],
    ids=lambda one: f"{one!r:.30}",
)  # fmt: skip
def test_what_is_no_schema_is_one_line(answer: Any, why: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert schema_at("http://a", answer, monkeypatch)[0] == why


def test_why_a_socket_failed_is_always_a_word() -> None:
    assert why(OSError(111, "Connection refused")) == "Connection refused"
    assert why(OSError("Multiple exceptions")) == "Multiple exceptions"  # as asyncio raises it: no strerror
    assert why(ConnectionResetError()) == "ConnectionResetError"
