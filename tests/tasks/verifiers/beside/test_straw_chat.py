"""The harness that speaks with the model: its messages, its tools, and how it ends, by a pretended verifiers."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest

CLIENT = httpx.AsyncClient
HERE = "straw.tasks.verifiers.beside.straw_chat"


class Harness:
    config = SimpleNamespace(tool_timeout=7.0)

    def __class_getitem__(cls, config: Any) -> Any:
        return cls

    def resolve_prompt(self, data: Any) -> Any:
        return data


@pytest.fixture
def straw_chat(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def connect(servers: Any, stack: Any) -> Any:
        names = sorted(servers["mcpServers"])
        return [{"type": "function", "name": name} for name in names], dict.fromkeys(names, servers), servers

    async def call(servers: Any, dispatch: Any, name: str, given: Any) -> str:
        return f"{name} {json.dumps(given)} {servers['mcpServers'][name]}"

    held = {
        "clients": {"ModelContext": object}, "configs.harness": {"HarnessConfig": object},
        "dialects.chat": {"message_to_wire": lambda message: {"role": "user", "content": message}},
        "harness": {"Harness": Harness}, "harnesses.utils.mcp": {"call_mcp": call, "connect_mcp": connect},
        "runtimes": {"ProgramResult": lambda *facts: facts, "Runtime": object}, "task": {"TaskData": object},
        "trace": {"Trace": object},
    }  # fmt: skip
    for name, values in held.items():
        parts = ["verifiers", "v1", *name.split(".")]
        for end in range(1, len(parts) + 1):
            dotted = ".".join(parts[:end])
            monkeypatch.setitem(sys.modules, dotted, sys.modules.get(dotted) or ModuleType(dotted))
        vars(sys.modules[".".join(parts)]).update(values)
    monkeypatch.delitem(sys.modules, HERE, raising=False)
    yield import_module(HERE)
    sys.modules.pop(HERE, None)


class Model:
    """Answers with these messages, one after the other; what it was asked stays in `asked`."""

    def __init__(self, *said: Any) -> None:
        self.said, self.asked = list(said), list[Any]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((str(request.url), request.headers["Authorization"], json.loads(request.content)))
        said = self.said.pop(0)
        return said if isinstance(said, httpx.Response) else httpx.Response(200, json={"choices": [{"message": said}]})


def launched(straw_chat: Any, monkeypatch: pytest.MonkeyPatch, model: Model, data: Any, **urls: str) -> Any:
    monkeypatch.setattr(
        straw_chat.httpx, "AsyncClient", lambda **options: CLIENT(transport=httpx.MockTransport(model), **options)
    )
    launch = straw_chat.StrawChat().launch(
        SimpleNamespace(model="m"), None, None, "http://here/v1", "key", urls, data
    )  # fmt: skip
    return asyncio.run(launch)


def calls(**arguments: str) -> dict[str, Any]:
    made = [{"id": f"id-{name}", "function": {"name": name, "arguments": text}} for name, text in arguments.items()]
    return {"role": "assistant", "content": None, "tool_calls": made}


def test_a_conversation_without_tools_is_one_question(straw_chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for data, messages in (
        (("Add.", "1+1"), [{"role": "system", "content": "Add."}, {"role": "user", "content": "1+1"}]),
        ((None, ["a", "b"]), [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]),
        (("Add.", None), [{"role": "system", "content": "Add."}]),
    ):
        model = Model({"role": "assistant", "content": "2"})
        assert launched(straw_chat, monkeypatch, model, data) == (0, "", "")
        assert model.asked == [
            ("http://here/v1/chat/completions", "Bearer key", {"model": "m", "messages": messages})
        ]  # fmt: skip


def test_tools_are_called_until_a_reply_calls_none(straw_chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(calls(add='{"a": 1}', sub=""), {"role": "assistant", "content": "done"})
    found = launched(straw_chat, monkeypatch, model, (None, "go"), add="http://a", sub="http://s")
    assert found == (0, "", "")
    first, second = (body for _, _, body in model.asked)
    assert [one["name"] for one in first["tools"]] == ["add", "sub"]
    reply, *results = second["messages"][1:]
    assert "content" not in reply  # none is left out
    assert results == [
        {"role": "tool", "tool_call_id": "id-add", "name": "add",
         "content": "add {\"a\": 1} {'url': 'http://a', 'timeout': 7.0}"},
        {"role": "tool", "tool_call_id": "id-sub", "name": "sub",
         "content": "sub {} {'url': 'http://s', 'timeout': 7.0}"},
    ]  # fmt: skip


def test_a_call_that_is_none_is_answered_with_why(straw_chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(calls(add="{", mul="{}", sub="[1]"), {"content": "done"})
    launched(straw_chat, monkeypatch, model, (None, "go"), add="http://a", sub="http://s")
    no_json, unknown, no_object = (one["content"] for one in model.asked[1][2]["messages"][2:])
    assert no_json.startswith("error: this is no call, its arguments are no JSON (")
    assert unknown == "error: unknown tool 'mul'"
    assert no_object == "error: this is no call, its arguments are to be an object"


@pytest.mark.parametrize(("answer", "found"), [
    (httpx.Response(400, json={"error": {"code": "straw_enough"}}), (0, "", "")),
    (httpx.Response(400, text="x" * 900), (1, "", "400: " + "x" * 500)),
    (httpx.Response(503, text="full"), (1, "", "503: full")),
])  # fmt: skip
def test_an_end_by_straw_is_no_failure_and_any_other_refusal_is(
    straw_chat: Any, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, found: Any
) -> None:
    assert launched(straw_chat, monkeypatch, Model(answer), (None, "go")) == found
