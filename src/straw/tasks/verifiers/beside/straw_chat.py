"""A harness for verifiers that speaks with the model in this process: no program is begun for an episode.

It is what `null` does (a conversation, and the task's tools over MCP), by way of the endpoint that verifiers gives it,
so stops, interceptors and the trace work as ever. A program of its own would take seconds for every episode, and uv.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

import httpx
from verifiers.v1.clients import ModelContext
from verifiers.v1.configs.harness import HarnessConfig
from verifiers.v1.dialects.chat import message_to_wire
from verifiers.v1.harness import Harness
from verifiers.v1.harnesses.utils.mcp import call_mcp, connect_mcp
from verifiers.v1.runtimes import ProgramResult, Runtime
from verifiers.v1.task import TaskData
from verifiers.v1.trace import Trace

__all__ = ["StrawChat"]
ENOUGH = "straw_enough"  # the code of the refusal by which straw ends an episode


class StrawChatConfig(HarnessConfig):
    id: str = "straw_chat"


class StrawChat(Harness[StrawChatConfig]):
    APPENDS_SYSTEM_PROMPT = True
    SUPPORTS_MCP = True
    SUPPORTS_RESUME = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self, ctx: ModelContext, trace: Trace, runtime: Runtime, endpoint: str, secret: str, mcp_urls: dict[str, str],
        data: TaskData,
    ) -> ProgramResult:  # fmt: skip
        system, prompt = self.resolve_prompt(data)
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        if isinstance(prompt, str):
            messages.append({"role": "user", "content": prompt})
        elif prompt is not None:
            messages += [message_to_wire(message) for message in prompt]
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=None, trust_env=False))
            named = {name: {"url": url, "timeout": self.config.tool_timeout} for name, url in mcp_urls.items()}
            tools, dispatch, servers = await connect_mcp({"mcpServers": named}, stack)
            ask = Asking(client, f"{endpoint}/chat/completions", secret, ctx.model, tools)
            failure = await talk(ask, messages, lambda name, given: call_mcp(servers, dispatch, name, given), dispatch)
        return ProgramResult(1 if failure else 0, "", failure or "")


class Asking:
    def __init__(self, client: httpx.AsyncClient, url: str, secret: str, model: str, tools: list[Any]) -> None:
        self.client, self.url, self.secret = client, url, secret
        self.body = {"model": model, **({"tools": tools} if tools else {})}

    async def __call__(self, messages: list[dict[str, Any]]) -> httpx.Response:
        head = {"Authorization": f"Bearer {self.secret}"}
        return await self.client.post(self.url, json={**self.body, "messages": messages}, headers=head)


async def talk(ask: Asking, messages: list[dict[str, Any]], call: Any, known: Any) -> str | None:
    """Until a reply calls nothing; what went wrong, if anything did."""
    while True:
        answer = await ask(messages)
        if answer.status_code >= 400:
            return None if ENOUGH in answer.text else f"{answer.status_code}: {answer.text[:500]}"
        message = answer.json()["choices"][0]["message"]
        messages.append({key: value for key, value in message.items() if value is not None})
        if not message.get("tool_calls"):
            return None
        for one in message["tool_calls"]:
            content = await result_of(one["function"], call, known)
            messages.append(
                {"role": "tool", "tool_call_id": one["id"], "content": content, "name": one["function"]["name"]}
            )


async def result_of(function: dict[str, Any], call: Any, known: Any) -> Any:
    """An error is for the model to read."""
    name = function["name"]
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError as error:
        return f"error: this is no call, its arguments are no JSON ({error})"
    if name not in known:
        return f"error: unknown tool {name!r}"
    if not isinstance(arguments, dict):
        return "error: this is no call, its arguments are to be an object"
    return await call(name, arguments)
