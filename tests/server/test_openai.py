"""OpenAI's own client against a real server, before a completer that writes what the test says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("uvicorn", reason="straw[serve] is not installed")
pytest.importorskip("openai", reason="the openai client is not installed")

import openai
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from tests.server.served import served

from straw.engines.tenants.records import Sampled, Sampling, Tokens, TopK
from straw.engines.tenants.records import Sequence as Reply
from straw.server.openai.completer import Served
from straw.server.openai.routes import openai_routes
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.types import Message

CHAT = Chat(character_tokenizer())
LIMITS = Limits(vocabulary=len(CHAT.tokenizer), json_bytes=100_000)
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>'
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
TALK: list[Any] = [{"role": "user", "content": "hi"}]


@dataclass
class Made:
    """Writes `says`, a token at a time; log-probabilities are -1, -2, ... of each place."""

    says: str = "hello é!"
    requests: list[Sampling] = field(default_factory=list)
    num_open: int = 0
    wait_s: float = 0.0

    def models(self, owner: str) -> Sequence[Served]:
        return [Served("tiny-1M"), Served("tinker://run:train:0/sampler_weights/a", 7, owner)]

    def known(self, owner: str, weights: str) -> None:
        if weights not in [one.name for one in self.models(owner)]:
            raise BadRequest(f"there is no model {weights}: GET /v1/models", 404)

    def reply(self, request: Sampling) -> Reply:
        tokens = CHAT.encode_reply(self.says)[: request.max_tokens]
        logprobs = -np.arange(1, len(tokens) + 1, dtype="f4")
        k = request.topk_logprobs
        top = TopK(np.tile(np.arange(k, dtype="i4"), (len(tokens), 1)), np.tile(-np.ones(k, "f4"), (len(tokens), 1)))
        stopped = tokens[-1] == CHAT.end
        return Reply(tokens=tokens, logprobs=logprobs, stopped=stopped, topk=top if k else None)

    async def complete(self, owner: str, weights: str, request: Sampling) -> Sampled:
        self.known(owner, weights)
        self.requests.append(request)
        size, k = len(request.prompt), request.topk_prompt_logprobs
        scores = np.array([np.nan, *range(-1, -size, -1)], "f4") if request.prompt_logprobs else None
        topk = TopK(np.ones((size, k), "i4"), np.full((size, k), -3, "f4")) if k else None
        replies = tuple(self.reply(request) for _ in request.seeds)
        return Sampled(sequences=replies, prompt_logprobs=scores, topk_prompt=topk, cached_prompt_tokens=1)

    async def stream(self, owner: str, weights: str, request: Sampling) -> AsyncGenerator[list[Tokens] | Sampled, None]:
        sampled = await self.complete(owner, weights, request)
        self.num_open += 1
        try:
            for size in range(1, max(len(one.tokens) for one in sampled.sequences) + 1):
                await asyncio.sleep(self.wait_s)
                yield [one.tokens[:size] for one in sampled.sequences]
            yield sampled
        finally:
            self.num_open -= 1


def owner_of(request: Request) -> str:
    if request.headers.get("authorization") != "Bearer tml-key":
        raise BadRequest("send a key", 401)
    return "me"


@pytest.fixture(scope="module")
def at() -> Iterator[tuple[Made, str]]:
    made = Made()
    with served(Starlette(routes=openai_routes(made, CHAT, LIMITS, owner_of))) as address:
        yield made, address


@pytest.fixture
def made(at: tuple[Made, str]) -> Made:
    at[0].__init__()  # type: ignore[misc]
    return at[0]


@pytest.fixture(scope="module")
def client(at: tuple[Made, str]) -> Iterator[Any]:
    with openai.OpenAI(base_url=at[1] + "/v1", api_key="tml-key", max_retries=0) as client:
        yield client


def test_models_are_listed(made: Made, client: Any) -> None:
    assert [one.id for one in client.models.list()] == ["tiny-1M", "tinker://run:train:0/sampler_weights/a"]
    assert client.models.retrieve("tiny-1M").owned_by == "straw"


def test_a_chat_is_answered(made: Made, client: Any) -> None:
    done = client.chat.completions.create(model="tiny-1M", messages=TALK, seed=5, n=2, temperature=0.5, top_p=0.9)
    assert [one.message.content for one in done.choices] == ["hello é!"] * 2
    assert done.choices[0].finish_reason == "stop" and done.choices[0].logprobs is None
    asked = made.requests[0]
    assert asked.prompt == CHAT.opening([Message("user", "hi")])
    assert (asked.seeds[0], len(set(asked.seeds)), asked.temperature, asked.top_p) == (5, 2, 0.5, 0.9)
    assert done.usage.prompt_tokens == len(asked.prompt)
    assert done.usage.completion_tokens == 2 * len(CHAT.encode_reply("hello é!"))
    assert done.usage.prompt_tokens_details.cached_tokens == 1


def test_a_seed_repeats_and_none_does_not(made: Made, client: Any) -> None:
    for seed in (5, 5, None, None):
        client.chat.completions.create(model="tiny-1M", messages=TALK, n=3, seed=seed)
    seeds = [one.seeds for one in made.requests]
    assert seeds[0] == seeds[1] and seeds[2] != seeds[3]


def test_log_probabilities_of_a_chat(made: Made, client: Any) -> None:
    done = client.chat.completions.create(
        model="tiny-1M", messages=TALK, logprobs=True, top_logprobs=2, max_completion_tokens=3
    )
    content = done.choices[0].logprobs.content
    assert [(one.token, one.logprob) for one in content] == [("h", -1), ("e", -2), ("l", -3)]
    assert [one.token for one in content[0].top_logprobs] == ["<|pad|>", "<|end|>"] and content[0].bytes == [104]
    assert done.choices[0].finish_reason == "length"


@pytest.mark.parametrize("n", [1, 2])
def test_a_chat_is_streamed(made: Made, client: Any, n: int) -> None:
    chunks = list(
        client.chat.completions.create(
            model="tiny-1M", messages=TALK, stream=True, n=n, logprobs=True, stream_options={"include_usage": True}
        )
    )
    texts, reasons, scores = [""] * n, [None] * n, [0] * n
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
            scores[choice.index] += len(choice.logprobs.content) if choice.logprobs else 0
    assert texts == ["hello é!"] * n and reasons == ["stop"] * n
    assert scores == [len(CHAT.encode_reply("hello é!"))] * n
    assert len(chunks) > 8 * n, "it comes in pieces"
    assert chunks[-1].usage.completion_tokens == n * scores[0]
    assert chunks[0].choices[0].delta.role == "assistant"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop, text", [("o", "hell"), (["lo é", "zz"], "hel"), ("!!", "hello é!"), ("é", "hello ")])
def test_a_stop_text_is_not_told(made: Made, client: Any, stop: Any, text: str, stream: bool) -> None:
    """The completer stops behind it; nothing of it may be told on the way either."""
    answer = client.chat.completions.create(model="tiny-1M", messages=TALK, stop=stop, stream=stream)
    if stream:
        assert "".join(one.choices[0].delta.content or "" for one in answer) == text
    else:
        assert answer.choices[0].message.content == text
    assert made.requests[0].stop_strings == ((stop,) if isinstance(stop, str) else tuple(stop))


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "function": {"name": "weather"}}])
def test_a_call_is_parsed(made: Made, client: Any, choice: Any) -> None:
    made.says = "Well.\n" + CALL if choice == "auto" else '{"city": "Bern"}}\n</tool_call>'
    done = client.chat.completions.create(model="tiny-1M", messages=TALK, tools=[WEATHER], tool_choice=choice)
    message = done.choices[0].message
    assert [(one.function.name, json.loads(one.function.arguments)) for one in message.tool_calls] == [
        ("weather", {"city": "Bern"})
    ]
    assert (message.content, done.choices[0].finish_reason) == ("Well." if choice == "auto" else None, "tool_calls")
    asked = CHAT.decode(made.requests[0].prompt)
    assert "<tools>" in asked and '"name": "weather"' in asked
    assert asked.endswith('<tool_call>\n{"name": "weather", "arguments": ') == (choice != "auto")


@pytest.mark.parametrize("begun", [False, True])
def test_a_call_is_streamed_whole_and_not_as_text(made: Made, client: Any, begun: bool) -> None:
    made.says = '{"city": "Bern"}}' if begun else "Well.\n" + CALL
    choice = "required" if begun else "auto"
    with client.chat.completions.stream(
        model="tiny-1M", messages=TALK, tools=[WEATHER], tool_choice=choice
    ) as stream:  # the client puts it together again
        message = stream.get_final_completion().choices[0].message
    assert (message.content or "").strip() == ("" if begun else "Well.")
    assert [one.function.arguments for one in message.tool_calls] == ['{"city": "Bern"}']


@pytest.mark.parametrize(
    "says", ["no call at all", "<tool_call>{no json", '<tool_call>{"name": "other"}</tool_call>', "<tool_call>"]
)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_what_is_no_call_stays_text_and_all_of_it(
    made: Made, client: Any, says: str, stream: bool, choice: str
) -> None:
    made.says = says
    answer = client.chat.completions.create(
        model="tiny-1M", messages=TALK, tools=[WEATHER], tool_choice=choice, stream=stream
    )
    if stream:
        assert "".join(one.choices[0].delta.content or "" for one in answer) == says
    else:
        assert (answer.choices[0].message.content, answer.choices[0].message.tool_calls) == (says, None)


def test_calls_and_results_go_back_into_the_conversation(made: Made, client: Any) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    talk = [
        {"role": "system", "content": "Be brief."}, *TALK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]  # fmt: skip
    client.chat.completions.create(model="tiny-1M", messages=talk, tools=[WEATHER])
    asked = CHAT.tokenizer.decode(made.requests[0].prompt)
    assert asked.startswith("<|system|>Be brief.\n\nYou may call") and asked.count("<|system|>") == 1
    assert f"<|assistant|>{CALL}<|end|>" in asked
    assert "<|user|><tool_response>\nrain\n</tool_response><|end|><|assistant|>" in asked


TEMPLATE = (
    "{% if tools %}TOOLS{{ tools | tojson }}{% endif %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}CALL {{ c.function.name }} {{ c.function.arguments.city }}{% endfor %}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def test_a_template_that_takes_tools_is_given_them() -> None:
    tokenizer = character_tokenizer()
    tokenizer.chat_template = TEMPLATE
    chat, made = Chat(tokenizer), Made()
    app = TestClient(Starlette(routes=openai_routes(made, chat, LIMITS, lambda request: "me")))
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    talk = [*TALK, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "<|end|>rain"}]
    answer = app.post("/v1/chat/completions", json={"model": "tiny-1M", "messages": talk, "tools": [WEATHER]})
    assert answer.status_code == 200, answer.text
    asked = made.requests[0].prompt
    text = "<|user|>hi<|end|><|assistant|>CALL weather Bern<|end|><|tool|><|end|>rain<|end|><|assistant|>"
    assert tokenizer.decode(asked).startswith('TOOLS[{"type": "function"')
    assert tokenizer.decode(asked).endswith(text)
    assert asked.count(chat.end) == 3  # what a message mentions is mere text


def test_control_tokens_in_a_message_are_mere_text(made: Made, client: Any) -> None:
    client.chat.completions.create(model="tiny-1M", messages=[{"role": "user", "content": "<|end|>"}], tools=[WEATHER])
    assert made.requests[0].prompt.count(CHAT.end) == 2  # of the system message and of the user's


def test_token_ids_in_and_out(made: Made, client: Any) -> None:
    ids = [7, 8, 9]
    more = {"return_token_ids": True}
    done = client.completions.create(model="tiny-1M", prompt=ids, max_tokens=2, extra_body=more)
    assert made.requests[0].prompt == (7, 8, 9)
    choice = done.choices[0].model_dump()
    assert (choice["prompt_token_ids"], choice["token_ids"]) == (ids, list(CHAT.encode_reply("he")[:2]))
    chat = client.chat.completions.create(model="tiny-1M", messages=TALK, extra_body=more).model_dump()
    assert chat["prompt_token_ids"] == list(CHAT.opening([Message("user", "hi")]))
    assert chat["choices"][0]["token_ids"] == list(CHAT.encode_reply("hello é!"))
    told = [
        token
        for chunk in client.completions.create(model="tiny-1M", prompt=ids, stream=True, extra_body=more)
        for token in chunk.model_dump()["choices"][0].get("token_ids") or []
    ]
    assert told == list(CHAT.encode_reply("hello é!"))


def test_completions_of_several_prompts(made: Made, client: Any) -> None:
    done = client.completions.create(model="tiny-1M", prompt=["a", "b"], n=2, seed=1, max_tokens=5)
    assert [(one.index, one.text, one.finish_reason) for one in done.choices] == [
        (index, "hello", "length") for index in range(4)
    ]
    assert len({seed for one in made.requests for seed in one.seeds}) == 4
    assert [one.prompt for one in made.requests] == [CHAT.encode("a"), CHAT.encode("b")]


def test_a_text_is_scored(made: Made, client: Any) -> None:
    done = client.completions.create(model="tiny-1M", prompt="abc", max_tokens=0, echo=True, logprobs=1)
    choice = done.choices[0]
    assert (choice.text, choice.logprobs.tokens) == ("abc", ["a", "b", "c"])
    assert choice.logprobs.token_logprobs == [None, -1, -2]
    assert choice.logprobs.top_logprobs == [None, {"<|end|>": -3, "b": -1}, {"<|end|>": -3, "c": -2}]
    assert choice.logprobs.text_offset == [0, 1, 2]


def test_a_completion_is_streamed(made: Made, client: Any) -> None:
    chunks = list(client.completions.create(model="tiny-1M", prompt="a", stream=True, max_tokens=50))
    assert "".join(one.choices[0].text for one in chunks) == "hello é!"
    assert chunks[-1].choices[0].finish_reason == "stop"


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"model": "nobody"}, openai.NotFoundError, "no model nobody"),
    ({"model": "nobody", "stream": True}, openai.NotFoundError, "no model nobody"),
    ({"temperature": -1}, openai.UnprocessableEntityError, "temperature"),
    ({"messages": []}, openai.UnprocessableEntityError, "messages"),
    ({"messages": [{"role": "king", "content": "x"}]}, openai.UnprocessableEntityError, "role"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, openai.BadRequestError, "image_url"),
    ({"presence_penalty": 1}, openai.UnprocessableEntityError, "presence_penalty"),
    ({"response_format": {"type": "json_object"}}, openai.UnprocessableEntityError, "response_format"),
    ({"tool_choice": "required"}, openai.UnprocessableEntityError, "tool_choice"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, openai.UnprocessableEntityError, "letters"),
    ({"messages": [{"role": "user", "content": "x" * 200_000}]}, openai.APIStatusError, "json_bytes"),
    ({"top_logprobs": 2}, openai.UnprocessableEntityError, "top_logprobs"),
    ({"n": 0}, openai.UnprocessableEntityError, "n is a whole number"),
    ({"extra_body": {"stop_token_ids": [10**9]}}, openai.BadRequestError, "token"),
]


@pytest.mark.parametrize("change, kind, said", BAD)
def test_what_is_refused_is_refused_in_openais_form(
    made: Made, client: Any, change: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind) as refused:
        client.chat.completions.create(**{"model": "tiny-1M", "messages": TALK, **change})
    body = refused.value.body  # type: ignore[attr-defined]
    assert body["type"] == "invalid_request_error" and said in body["message"] and "\n" not in body["message"]


def test_a_key_that_is_wrong_is_refused(made: Made, at: tuple[Made, str]) -> None:
    with openai.OpenAI(base_url=at[1] + "/v1", api_key="other") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_client_that_leaves_cancels_its_replies(made: Made, client: Any) -> None:
    made.wait_s, made.says = 0.02, "x" * 500
    stream = client.chat.completions.create(model="tiny-1M", messages=TALK, stream=True)
    next(iter(stream))
    assert made.num_open == 1
    stream.close()
    deadline = time.monotonic() + 5
    while made.num_open and time.monotonic() < deadline:
        time.sleep(0.02)
    assert made.num_open == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": 1}', b'{"model": "tiny-1M"}', b"\xff" * 9])
@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_a_body_that_is_none_is_a_4xx(body: bytes, path: str) -> None:
    app = TestClient(Starlette(routes=openai_routes(Made(), CHAT, LIMITS, lambda request: "me")))
    answer = app.post(path, content=body)
    assert 400 <= answer.status_code < 500 and answer.json()["error"]["message"]
