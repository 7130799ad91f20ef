"""/v1/completions: texts or token ids in, what follows them out, whole or as it is written.

`echo` with `logprobs` and max_tokens=0 scores a text, as evaluation harnesses do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from straw.engines.tenants.records import Sampled, Sampling, Tokens
from straw.engines.tenants.records import Sequence as Reply
from straw.server.openai.answers import completion_logprobs, finish, likeliest
from straw.server.openai.prompts import read_prompts
from straw.server.openai.request import Settings, read_settings
from straw.server.openai.texts import Unfolding, decoded, reply_text
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.text.chat.chat import Chat

DEFAULT_TOKENS = 16  # OpenAI's


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Replies to several prompts are counted through: those to the first one first."""

    chat: Chat
    settings: Settings
    prompts: list[Tokens]
    echo: bool
    only_reads: bool  # max_tokens=0

    prefix, kind = "cmpl-", "text_completion"

    def asked(self) -> list[Sampling]:
        requests = [self.settings.asked(prompt, index) for index, prompt in enumerate(self.prompts)]
        if not self.echo or self.settings.logprobs is None:
            return requests
        return [replace(one, prompt_logprobs=True, topk_prompt_logprobs=self.settings.logprobs) for one in requests]

    def asked_of(self) -> Sampling:
        return self.settings.sampling

    def choices(self, sampled: Sequence[Sampled], request_id: str) -> list[dict[str, Any]]:
        pairs = [(place, one, reply) for place, one in enumerate(sampled) for reply in one.sequences]
        return [self.choice(index, *pair) for index, pair in enumerate(pairs)]

    def choice(self, index: int, place: int, sampled: Sampled, reply: Reply) -> dict[str, Any]:
        prompt, tokens = self.prompts[place], () if self.only_reads else reply.tokens
        text = reply_text(self.chat, tokens, self.asked_of())
        if self.echo:
            text = decoded(self.chat, prompt) + text
        choice = {
            "index": index, "text": text, "finish_reason": "length" if self.only_reads else finish(reply),
            "logprobs": self.logprobs(prompt, tokens, sampled, reply),
        }  # fmt: skip
        return choice | self.ids(tokens, prompt)

    def logprobs(self, prompt: Tokens, tokens: Tokens, sampled: Sampled, reply: Reply) -> dict[str, Any] | None:
        if self.settings.logprobs is None:
            return None
        values = reply.logprobs[: len(tokens)]
        tables = [likeliest(reply.topk, place) for place in range(len(tokens))]
        if self.echo and sampled.prompt_logprobs is not None:
            values = np.concatenate([sampled.prompt_logprobs, values])
            tables = [likeliest(sampled.topk_prompt, place) for place in range(len(prompt))] + tables
            tokens = prompt + tokens
        return completion_logprobs(self.chat, tokens, values, tables)

    def ids(self, tokens: Tokens, prompt: Tokens | None = None) -> dict[str, Any]:
        if not self.settings.return_token_ids:
            return {}
        return {"token_ids": list(tokens)} | ({} if prompt is None else {"prompt_token_ids": list(prompt)})

    def more(self) -> dict[str, Any]:
        return {}

    # --- streaming

    def unfolding(self) -> Unfolding:
        return Unfolding(self.chat, self.asked_of())

    def first(self, index: int) -> dict[str, Any] | None:
        if not self.echo and not self.settings.return_token_ids:
            return None
        text = decoded(self.chat, self.prompts[0]) if self.echo else ""
        return self.spoken(index, text) | self.ids((), self.prompts[0])

    def piece(self, index: int, text: str, tokens: Tokens) -> dict[str, Any] | None:
        if self.only_reads or not (text or (tokens and self.settings.return_token_ids)):
            return None
        return self.spoken(index, text) | self.ids(tokens)

    def last(
        self, index: int, reply: Reply, unfolding: Unfolding, tokens: Tokens, request_id: str
    ) -> Iterator[dict[str, Any]]:
        text = "" if self.only_reads else unfolding.rest(reply_text(self.chat, reply.tokens, self.asked_of()))
        logprobs = self.logprobs((), reply.tokens, Sampled(sequences=()), reply)
        yield self.spoken(index, text) | {"logprobs": logprobs, "finish_reason": finish(reply)} | self.ids(tokens)

    @staticmethod
    def spoken(index: int, text: str) -> dict[str, Any]:
        return {"index": index, "text": text, "finish_reason": None, "logprobs": None}


def read_completion(fields: Fields, chat: Chat, limits: Limits) -> CompletionRequest:
    echo = fields.flag("echo")
    max_tokens = fields.integer("max_tokens", 0 if echo else 1, limits.max_tokens, default=DEFAULT_TOKENS)
    settings = read_settings(
        fields, limits, max(max_tokens, 1), fields.integer_or_none("logprobs", 0, min(64, limits.topk))
    )
    best_of = fields.integer_or_none("best_of", 1)
    if best_of not in (None, settings.n):
        raise fields.refuse("best_of", "n on this server", "leave it out")
    prompts = read_prompts(fields, chat, limits)
    limits.at_most("num_samples", settings.n * len(prompts), "replies of one request")
    if settings.stream and len(prompts) > 1:
        raise fields.refuse("prompt", "one prompt where the reply is streamed", "send a request for each")
    return CompletionRequest(chat, settings, prompts, echo, max_tokens == 0)
