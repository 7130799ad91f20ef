"""Replies in OpenAI's form: choices, log-probabilities and usage."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from math import isfinite
from typing import Any

from straw.engines.tenants.records import Array, Sampled, Tokens, TopK
from straw.engines.tenants.records import Sequence as Reply
from straw.server.openai.texts import decoded
from straw.server.openai.tools import Call
from straw.text.chat.chat import Chat

LEAST = -9999.0  # JSON has no infinity


def usage(sampled: Sequence[Sampled], prompts: Sequence[Tokens]) -> dict[str, Any]:
    read, cached = sum(map(len, prompts)), sum(one.cached_prompt_tokens for one in sampled)
    wrote = sum(len(reply.tokens) for one in sampled for reply in one.sequences)
    return {
        "prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote,
        "prompt_tokens_details": {"cached_tokens": cached},
    }  # fmt: skip


def finish(reply: Reply) -> str:
    return "stop" if reply.stopped else "length"


def token_text(chat: Chat, token: int) -> str:
    return decoded(chat, [token])


def finite(value: float) -> float:
    return float(value) if isfinite(value) else LEAST


# --- log-probabilities


def chat_logprobs(chat: Chat, reply: Reply) -> dict[str, Any]:
    content = []
    for place, (token, logprob) in enumerate(zip(reply.tokens, reply.logprobs, strict=True)):
        top = likeliest(reply.topk, place)
        content.append({**one_logprob(chat, token, logprob), "top_logprobs": [one_logprob(chat, *one) for one in top]})
    return {"content": content, "refusal": None}


def one_logprob(chat: Chat, token: int, logprob: float) -> dict[str, Any]:
    text = token_text(chat, token)
    return {"token": text, "logprob": finite(logprob), "bytes": list(text.encode("utf-8", "replace"))}


def likeliest(topk: TopK | None, place: int) -> list[tuple[int, float]]:
    if topk is None:
        return []
    pairs = zip(topk.tokens[place].tolist(), topk.logprobs[place].tolist(), strict=True)
    return [(token, logprob) for token, logprob in pairs if logprob > -99999.0]


def completion_logprobs(
    chat: Chat, tokens: Tokens, logprobs: Array | Sequence[float], tables: Sequence[list[tuple[int, float]]]
) -> dict[str, Any]:
    """The older form: lists side by side; a place without one (the first of a prompt) is null."""
    texts, offsets = [token_text(chat, token) for token in tokens], [0]
    for text in texts:
        offsets.append(offsets[-1] + len(text))
    known = [float(one) if one == one else None for one in logprobs]
    tops: list[dict[str, float] | None] = []
    for text, logprob, table in zip(texts, known, tables, strict=True):
        top = {token_text(chat, token): finite(one) for token, one in table}
        tops.append(None if logprob is None else {**top, text: finite(logprob)})
    return {
        "tokens": texts, "token_logprobs": [None if one is None else finite(one) for one in known],
        "top_logprobs": tops, "text_offset": offsets[:-1],
    }  # fmt: skip


# --- tool calls


def tool_calls(calls: Sequence[Call], request_id: str, choice: int) -> list[dict[str, Any]]:
    return [
        {"id": call_id(request_id, choice, index), "type": "function",
         "function": {"name": call.name, "arguments": call.arguments}}
        for index, call in enumerate(calls)
    ]  # fmt: skip


def call_id(request_id: str, choice: int, index: int) -> str:
    return "call_" + sha256(f"{request_id} {choice} {index}".encode()).hexdigest()[:24]
