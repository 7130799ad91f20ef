"""Prompts as tokens: texts, token ids, and conversations through the model's own chat template."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from straw.engines.tenants.records import Tokens
from straw.server.openai.tools import Tools, offer, written
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted
from straw.text.chat.chat import Chat
from straw.types import Message

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
MOST_PROMPTS, MOST_MESSAGES = 256, 4096
Talk = list[dict[str, Any]]


def read_prompts(fields: Fields, chat: Chat, limits: Limits) -> list[Tokens]:
    """A text, token ids, or a list of either."""
    prompt = fields.get("prompt")
    several = isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list)
    prompts = prompt if several else [prompt]
    limits.at_most("num_samples", len(prompts), "prompts of one request")
    return [within(prompt_of(one, fields, chat, limits), limits) for one in prompts]


def prompt_of(prompt: Any, fields: Fields, chat: Chat, limits: Limits) -> Tokens:
    if isinstance(prompt, str):
        limits.at_most("json_bytes", len(prompt), "characters of a prompt")
        return chat.encode(prompt)
    if isinstance(prompt, list) and prompt and all(type(one) is int for one in prompt):
        return tuple(map(limits.token, prompt))
    raise fields.refuse("prompt", "a text, token ids, or a list of either", "send one that is not empty")


def within(tokens: Tokens, limits: Limits) -> Tokens:
    limits.at_most("prompt_tokens", len(tokens), "tokens of a prompt")
    return tokens


# --- conversations


def read_talk(fields: Fields, limits: Limits) -> Talk:
    messages = fields.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= MOST_MESSAGES:
        raise fields.refuse("messages", f"a list of 1 to {MOST_MESSAGES} messages", "send the conversation")
    return [read_message(Fields(one, limits, f"messages[{index}]")) for index, one in enumerate(messages)]


def read_message(fields: Fields) -> dict[str, Any]:
    role = fields.text("role")
    if role not in ROLES:
        raise fields.refuse("role", ", ".join(ROLES), "send one of them")
    message: dict[str, Any] = {"role": ROLES[role], "content": content_of(fields)}
    if fields.get("tool_calls"):
        calls = fields.get("tool_calls")
        if role != "assistant" or not isinstance(calls, list):
            raise fields.refuse("tool_calls", "a list of calls in an assistant's message")
        message["tool_calls"] = [read_call(Fields(one, fields.limits, f"{fields.within}.tool_calls")) for one in calls]
    return message


def content_of(fields: Fields) -> str:
    """A text, or the texts of its parts."""
    content = fields.get("content")
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise fields.refuse("content", "a text or parts of type text")
    texts = []
    for one in content:
        part = Fields(one, fields.limits, f"{fields.within}.content")
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise BadRequest(
                f"a part of a message is a text, got {quoted(part.get('type'))}: this model reads no other"
            )
        texts.append(part.get("text"))
    return "".join(texts)


def read_call(fields: Fields) -> dict[str, Any]:
    """Its arguments are JSON in a text, which templates want as what it says."""
    function = fields.inner("function")
    arguments = function.get("arguments")
    with suppress(ValueError, RecursionError):  # the model wrote what is no JSON, and may see it again
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return {"type": "function", "function": {"name": function.text("name"), "arguments": arguments}}


def talk_tokens(chat: Chat, talk: Talk, tools: Tools) -> Tokens:
    """Up to where the model goes on."""
    has_calls = any("tool_calls" in message or message["role"] == "tool" for message in talk)
    if chat.takes_tools and (tools.offered or has_calls):
        tokens = chat.opening_with_tools(talk, tools.offered)
    else:
        tokens = chat.opening(plain(talk, tools))
    return tokens + (chat.begun(tools.begun) if tools.begun else ())


def plain(talk: Talk, tools: Tools) -> list[Message]:
    """Calls and their results as texts, and tools in the system message, for a template that knows of neither."""
    messages = []
    for message in talk:
        role, content = message["role"], message["content"]
        if role == "tool":
            role, content = "user", f"<tool_response>\n{content}\n</tool_response>"
        if calls := message.get("tool_calls"):
            content = "\n".join(filter(None, (content, written(calls))))
        messages.append(Message(role, content))
    if tools.offered:
        first, rest = (messages[0].content + "\n\n", messages[1:]) if messages[0].role == "system" else ("", messages)
        messages = [Message("system", first + offer(tools.offered)), *rest]
    return messages
