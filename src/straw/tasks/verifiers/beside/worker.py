"""Runs in the interpreter that has verifiers: plays episodes of one environment, asked for in lines of JSON.

    {"open": "NAME", "args": {...}, "max_turns": 10}     ->  {"opened": true, "count": 100, "version": "0.4.0"}
    {"row": 3}                                           ->  {"row": 3, "prompt": [...]}
    {"begin": "7", "index": 3}                           episode 7 begins with task 3
                                                         ->  {"ask": "7", "messages": [...], "tools": [...]}
    {"say": "7", "message": {...}}                       the model's reply, until
                                                         ->  {"end": "7", "reward": 1.0, "rewards": {...}, ...}
    {"enough": "7"}                                      no more replies: what there is, is scored
    {"drop": "7"}                                        nobody waits for it any more

It stands alone: that interpreter has no straw. What verifiers asks of a model goes to an endpoint here, as OpenAI's,
and from there over the pipe; what it prints goes to the log. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

HARNESS, ENOUGH = "straw_chat", "straw_enough"
TOLD: TextIO = sys.stdout


def tell(**said: Any) -> None:
    TOLD.write(json.dumps(said) + "\n")
    TOLD.flush()


def keep_the_output() -> TextIO:
    """What an environment prints goes to the log; the output is for what is told here."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return told


def named(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:400]}"


class Tasks:
    """The taskset's tasks by their place; of one without end as many as were asked for so far."""

    def __init__(self, taskset: Any) -> None:
        self.bounded, self.rest = taskset.bounded, iter(taskset)
        self.read: list[Any] = list(self.rest) if self.bounded else []

    def __getitem__(self, index: int) -> Any:
        while len(self.read) <= index and not self.bounded:
            self.read.append(next(self.rest))
        return self.read[index]


class Worker:
    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Any]] = {}  # requests of episodes that a reply is awaited for
        self.enough: set[str] = set()
        self.running: dict[str, asyncio.Task[None]] = {}
        self.done = asyncio.Event()
        self.numbers = itertools.count()

    async def run(self, lines: asyncio.Queue[str]) -> None:
        first = json.loads(await lines.get())
        try:
            env, tasks = opened(first)
        except BaseException as error:
            return tell(failed=named(error), missing=isinstance(error, ModuleNotFoundError))
        port = await self.listen()
        async with env.serving():
            import verifiers

            tell(opened=True, count=len(tasks.read) if tasks.bounded else None, version=verifiers.__version__)
            while line := await lines.get():
                self.heard(json.loads(line), env, tasks, port)
            for task in self.running.values():
                task.cancel()

    def heard(self, said: dict[str, Any], env: Any, tasks: Tasks, port: int) -> None:
        if "begin" in said:
            id = said["begin"]
            self.running[id] = asyncio.create_task(self.play(id, env, tasks, said["index"], port))
        elif "say" in said:
            self.answer(said["say"], said["message"])
        elif "enough" in said:
            self.enough.add(said["enough"])
            self.answer(said["enough"], None)
        elif "drop" in said:
            if (task := self.running.pop(said["drop"], None)) is not None:
                task.cancel()
        elif "row" in said:
            tell(row=said["row"], prompt=prompt_of(tasks[said["row"]]))

    def answer(self, id: str, message: Any) -> None:
        future = self.waiting.pop(id, None)
        if future is not None and not future.done():
            future.set_result(message)

    async def play(self, id: str, env: Any, tasks: Tasks, index: int, port: int) -> None:
        from verifiers.v1.clients import EvalClientConfig, ModelContext

        client = EvalClientConfig(base_url=f"http://127.0.0.1:{port}/{id}/v1", api_key_var="STRAW_NO_KEY")
        try:
            (slot,) = env.slots(tasks[index])
            episode = await env.run_slot(slot, ModelContext(model="straw", client=client))
            tell(end=id, **facts_of(episode))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            tell(end=id, failed=named(error))
        finally:
            self.running.pop(id, None)
            self.enough.discard(id)

    # --- an endpoint as OpenAI's

    async def listen(self) -> int:
        from aiohttp import web

        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/{id}/v1/chat/completions", self.completion)
        app.router.add_get("/{id}/v1/models", lambda request: web.json_response({"data": [{"id": "straw"}]}))
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = site._server.sockets[0].getsockname()[1]
        return port

    async def completion(self, request: Any) -> Any:
        from aiohttp import web

        id, body = request.match_info["id"], await request.json()
        if id in self.enough or body.get("stream") or id in self.waiting:
            why = ENOUGH if id in self.enough else "one request at a time, and no streams"
            return web.json_response({"error": {"message": why, "code": why, "type": "straw"}}, status=400)
        self.waiting[id] = future = asyncio.get_running_loop().create_future()
        tell(ask=id, messages=body["messages"], tools=body.get("tools") or [])
        message = await future
        if message is None:
            return web.json_response({"error": {"message": ENOUGH, "code": ENOUGH, "type": "straw"}}, status=400)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        used = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return web.json_response({
            "id": f"straw-{next(self.numbers)}", "object": "chat.completion", "created": int(time.time()),
            "model": "straw", "choices": [choice], "usage": used,
        })  # fmt: skip


def opened(said: dict[str, Any]) -> tuple[Any, Tasks]:
    """The environment, each of whose roles is the model that is trained; one role, that is."""
    from verifiers.v1.configs.agent import AgentConfig
    from verifiers.v1.utils.loaders import default_harness_id, env_config_type, load_environment, resolve_env_config

    name = said["open"]
    fields = env_config_type(name).model_fields
    roles = [role for role, field in fields.items() if isinstance(field.default, AgentConfig)]
    if len(roles) != 1:
        raise ValueError(f"{name} has the roles {', '.join(roles)}, and straw trains a model that plays the only one")
    own = default_harness_id(name)
    harness = HARNESS if own == "bash" else own
    role = {"harness": {"id": harness}, "runtime": {"type": "subprocess"}, "max_turns": said["max_turns"]}
    config = resolve_env_config({"taskset": {"id": name, **said["args"]}, roles[0]: role})
    env = load_environment(config)
    return env, Tasks(env.taskset)


def prompt_of(task: Any) -> list[dict[str, str]]:
    """For a person, and for a forecast: what an episode really asks comes with its first request."""
    system = task.data.system_prompt
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": task.data.prompt_text}]


def facts_of(episode: Any) -> dict[str, Any]:
    errors = [*episode.errors, *(error for trace in episode.traces for error in trace.errors)]
    trace = episode.traces[-1] if episode.traces else None
    if not episode.ok and errors:
        return {"failed": f"{errors[0].type}: {errors[0].message[:400]}"}
    if trace is None:
        return {"failed": "no agent ran"}
    return {
        "reward": trace.reward, "rewards": {name: one.value for name, one in trace.rewards.items()},
        "metrics": dict(trace.metrics), "stop": trace.stop_condition,
    }  # fmt: skip


async def main() -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    reader = asyncio.StreamReader(limit=64 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def read() -> None:
        while True:
            line = (await reader.readline()).decode()
            lines.put_nowait(line)
            if not line:
                return

    reading = asyncio.create_task(read())
    await Worker().run(lines)
    reading.cancel()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))  # where verifiers finds the harness
    TOLD = keep_the_output()
    asyncio.run(main())
    os._exit(0)  # threads of an environment keep nothing alive
