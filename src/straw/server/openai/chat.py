"""/v1/chat/completions: a conversation in, messages out, whole or as they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from straw.engines.tenants.records import Sampled, Sampling, Tokens
from straw.engines.tenants.records import Sequence as Reply
from straw.server.openai.answers import chat_logprobs, finish, tool_calls
from straw.server.openai.prompts import read_talk, talk_tokens, within
from straw.server.openai.request import Settings, read_settings
from straw.server.openai.texts import Unfolding, reply_text
from straw.server.openai.tools import OPENS, Tools, calls_in, read_tools
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.text.chat.chat import Chat

MOST_TOP = 64  # log-probabilities at each place; OpenAI has 20


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One conversation, and what may be called in it."""

    chat: Chat
    settings: Settings
    prompts: tuple[Tokens]
    tools: Tools

    prefix, kind = "chatcmpl-", "chat.completion"

    def asked(self) -> list[Sampling]:
        return [self.settings.asked(self.prompts[0])]

    def choices(self, sampled: Sequence[Sampled], request_id: str) -> list[dict[str, Any]]:
        return [self.choice(index, reply, request_id) for index, reply in enumerate(sampled[0].sequences)]

    def choice(self, index: int, reply: Reply, request_id: str) -> dict[str, Any]:
        text, calls, reason = self.message(index, reply, request_id)
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if calls:
            message |= {"content": text or None, "tool_calls": calls}
        choice = {"index": index, "message": message, "finish_reason": reason, "logprobs": self.logprobs(reply)}
        return choice | self.ids(reply.tokens)

    def message(self, index: int, reply: Reply, request_id: str) -> tuple[str, list[dict[str, Any]], str]:
        """Text, calls, and why it ended."""
        text = reply_text(self.chat, reply.tokens, self.asked_of())
        before, calls = calls_in(self.tools.begun + text, self.tools.names)
        if not calls:
            return text, [], finish(reply)
        return before, tool_calls(calls, request_id, index), "tool_calls"

    def asked_of(self) -> Sampling:
        return self.settings.sampling

    def logprobs(self, reply: Reply) -> dict[str, Any] | None:
        return None if self.settings.logprobs is None else chat_logprobs(self.chat, reply)

    def ids(self, tokens: Tokens) -> dict[str, Any]:
        return {"token_ids": list(tokens)} if self.settings.return_token_ids else {}

    def more(self) -> dict[str, Any]:
        """Beside the choices."""
        return {"prompt_token_ids": list(self.prompts[0])} if self.settings.return_token_ids else {}

    # --- streaming

    def unfolding(self) -> Unfolding:
        """Text up to where a call may begin: calls are told whole, at the end.

        A call that was begun in the model's place may turn out to be none: then all of its text is told there.
        """
        unfolding = Unfolding(self.chat, self.asked_of(), (OPENS,) if self.tools.offered else ())
        unfolding.is_over = bool(self.tools.begun)
        return unfolding

    def first(self, index: int) -> dict[str, Any]:
        return {"index": index, "delta": {"role": "assistant", "content": ""}, "finish_reason": None, "logprobs": None}

    def piece(self, index: int, text: str, tokens: Tokens) -> dict[str, Any] | None:
        if self.tools.begun or not (text or (tokens and self.settings.return_token_ids)):
            return None
        choice = {"index": index, "delta": {"content": text}, "finish_reason": None, "logprobs": None}
        return choice | self.ids(tokens)

    def last(
        self, index: int, reply: Reply, unfolding: Unfolding, tokens: Tokens, request_id: str
    ) -> Iterator[dict[str, Any]]:
        """What is missing, and the reason. Log-probabilities are known when all is, and come here."""
        text, calls, reason = self.message(index, reply, request_id)
        delta: dict[str, Any] = {"content": unfolding.rest(text)}
        if calls:
            delta["tool_calls"] = [{"index": place, **call} for place, call in enumerate(calls)]
        choice = {"index": index, "delta": delta, "finish_reason": None, "logprobs": self.logprobs(reply)}
        yield choice | self.ids(tokens)
        yield {"index": index, "delta": {}, "finish_reason": reason, "logprobs": None}


def read_chat(fields: Fields, chat: Chat, limits: Limits) -> ChatRequest:
    tools = read_tools(fields)
    name = "max_tokens" if fields.get("max_completion_tokens") is None else "max_completion_tokens"
    most = min(MOST_TOP, limits.topk)
    top = fields.integer("top_logprobs", 0, most, default=0)
    logprobs = top if fields.flag("logprobs") else None
    if top and logprobs is None:
        raise fields.refuse("top_logprobs", "for logprobs", "set logprobs to true")
    settings = read_settings(fields, limits, fields.integer_or_none(name, 1, limits.max_tokens), logprobs)
    prompt = within(talk_tokens(chat, read_talk(fields, limits), tools), limits)
    return ChatRequest(chat, settings, (prompt,), tools)
