"""A reply as it is written, in server-sent events: data: {...}, and data: [DONE] at the end."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from straw.engines.tenants.records import Sampled, Tokens
from straw.server.openai.answers import usage
from straw.server.openai.chat import ChatRequest
from straw.server.openai.completions import CompletionRequest
from straw.server.openai.errors import told

Request = ChatRequest | CompletionRequest
Written = AsyncGenerator[list[Tokens] | Sampled, None]
Wrap = Callable[..., dict[str, Any]]  # choices, and what else, as a chunk


def event(value: Any) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode("utf-8", "replace")


async def begun(stream: Written) -> Written:
    """The same stream, once there is something in it: what is refused is refused with its own status."""
    first = await anext(stream)

    async def all_of_it() -> AsyncGenerator[list[Tokens] | Sampled, None]:
        async with aclosing(stream):
            yield first
            async for one in stream:
                yield one

    return all_of_it()


async def events(request: Request, stream: Written, wrap: Wrap, request_id: str) -> AsyncGenerator[bytes, None]:
    """Closing this closes the stream, which gives up the replies."""
    async with aclosing(stream):
        try:
            async for choices, more in chunks(request, stream, request_id):
                yield event(wrap(choices, **more))
            yield b"data: [DONE]\n\n"
        except Exception as error:  # the status has been sent: all that can be done is to say so
            yield event(told(error)[1])


async def chunks(
    request: Request, stream: Written, request_id: str
) -> AsyncIterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    rows = [request.unfolding() for _ in range(request.settings.n)]
    num_told = [0] * len(rows)  # tokens, whose ids were sent
    for index in range(len(rows)):
        if (choice := request.first(index)) is not None:
            yield [choice], request.more() if index == 0 else {}
    async for now in stream:
        if isinstance(now, Sampled):
            for index, reply in enumerate(now.sequences):
                rest = reply.tokens[num_told[index] :]
                for choice in request.last(index, reply, rows[index], rest, request_id):
                    yield [choice], {}
            if request.settings.include_usage:
                yield [], {"usage": usage([now], request.prompts)}
            continue
        for index, tokens in enumerate(now):
            fresh, text = tokens[num_told[index] :], rows[index].more(tokens)
            if (choice := request.piece(index, text, fresh)) is not None:
                num_told[index] = len(tokens)
                yield [choice], {}
