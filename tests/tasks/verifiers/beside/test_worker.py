"""The worker that runs beside verifiers, with a library that is pretended: what is asked of it and what it tells."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from straw.tasks.verifiers.beside import worker as beside

Play = Callable[[Any, str], Awaitable[Any]]


class AgentConfig: ...


class Tasks(list[Any]):
    bounded = True


class Env:
    """As many tasks as it is given; an episode is what `play` makes of a task and the address that it may ask."""

    def __init__(self, play: Play, tasks: Any) -> None:
        self.played, self.taskset = play, tasks

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        yield

    def slots(self, task: Any) -> list[Any]:
        return [task]

    async def run_slot(self, slot: Any, context: Any) -> Any:
        return await self.played(slot, context.client.base_url)


def task(text: str, system: str | None = None) -> Any:
    return SimpleNamespace(data=SimpleNamespace(prompt_text=text, system_prompt=system))


def episode(**facts: Any) -> Any:
    trace = {"reward": 0.5, "rewards": {"sum": SimpleNamespace(value=0.5)}, "metrics": {"tries": 2.0}, "errors": [],
             "stop_condition": "done"}  # fmt: skip
    return SimpleNamespace(**{"errors": [], "ok": True, "traces": [SimpleNamespace(**trace)]} | facts)


class Library:
    """What the worker takes from verifiers and aiohttp."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.env: Any = None
        self.config: Any = None
        self.roles: dict[str, Any] = {"solver": AgentConfig(), "turns": 3}
        self.harness = "bash"
        names = ("verifiers", "verifiers.v1", "verifiers.v1.clients", "verifiers.v1.configs", "verifiers.v1.utils",
                 "verifiers.v1.configs.agent", "verifiers.v1.utils.loaders", "aiohttp")  # fmt: skip
        made: dict[str, Any] = {name: ModuleType(name) for name in names}
        for name, module in made.items():
            monkeypatch.setitem(sys.modules, name, module)
        made["verifiers"].__version__ = "0.4.0"
        made["verifiers.v1.clients"].EvalClientConfig = SimpleNamespace
        made["verifiers.v1.clients"].ModelContext = SimpleNamespace
        made["verifiers.v1.configs.agent"].AgentConfig = AgentConfig
        loaders = made["verifiers.v1.utils.loaders"]
        loaders.default_harness_id = lambda name: self.harness
        loaders.env_config_type = lambda name: SimpleNamespace(
            model_fields={name: SimpleNamespace(default=value) for name, value in self.roles.items()}
        )
        loaders.resolve_env_config = lambda config: config
        loaders.load_environment = self.load
        web = made["aiohttp"].web = SimpleNamespace()
        web.json_response = lambda body, status=200: SimpleNamespace(body=body, status=status)

    def load(self, config: Any) -> Any:
        self.config = config
        if self.env is None:
            raise ModuleNotFoundError("taskset 'nothere' not found")
        return self.env


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    return Library(monkeypatch)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    out = io.StringIO()
    monkeypatch.setattr(beside, "TOLD", out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]


class Deaf(beside.Worker):
    """Without a socket: who asks calls `completion` itself."""

    async def listen(self) -> int:
        return 80


def request(id: str, **body: Any) -> Any:
    async def read() -> Any:
        return {"messages": [{"role": "user", "content": "?"}], **body}

    return SimpleNamespace(match_info={"id": id}, json=read)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def conversed(worker: beside.Worker, *said: Any) -> None:
    """One line after the other, each when nothing moves any more; then the input ends."""

    async def talk() -> None:
        lines: asyncio.Queue[str] = asyncio.Queue()
        running = asyncio.create_task(worker.run(lines))
        for one in said:
            lines.put_nowait(json.dumps(one))
            await settled()
        lines.put_nowait("")
        await running
        await settled()

    asyncio.run(talk())


OPEN = {"open": "sums", "args": {"num_tasks": 2}, "max_turns": 10}


def test_it_opens_the_one_role_with_its_own_harness_in_place_of_a_shell(library: Library, told: Any) -> None:
    library.env = Env(None, Tasks([task("1+1"), task("2+2", "Add.")]))  # type: ignore[arg-type]
    conversed(Deaf(), OPEN, {"row": 0}, {"row": 1})
    assert library.config == {
        "taskset": {"id": "sums", "num_tasks": 2},
        "solver": {"harness": {"id": "straw_chat"}, "runtime": {"type": "subprocess"}, "max_turns": 10},
    }
    asked = {"role": "user", "content": "2+2"}
    assert told() == [
        {"opened": True, "count": 2, "version": "0.4.0"},
        {"row": 0, "prompt": [{"role": "user", "content": "1+1"}]},
        {"row": 1, "prompt": [{"role": "system", "content": "Add."}, asked]},
    ]
    library.harness = "own"
    conversed(Deaf(), OPEN)
    assert library.config["solver"]["harness"] == {"id": "own"}


def test_what_cannot_be_opened_is_told_and_nothing_more_is_heard(library: Library, told: Any) -> None:
    conversed(Deaf(), OPEN, {"row": 0})
    library.roles["judge"] = AgentConfig()
    conversed(Deaf(), OPEN)
    missing, two_roles = told()
    assert missing == {"failed": "ModuleNotFoundError: taskset 'nothere' not found", "missing": True}
    assert two_roles == {
        "failed": "ValueError: sums has the roles solver, judge, and straw trains a model that plays the only one",
        "missing": False,
    }


def test_a_taskset_without_an_end_is_read_as_far_as_it_is_asked_for(library: Library, told: Any) -> None:
    class Endless:
        bounded = False
        drawn = 0

        def __iter__(self) -> Any:
            while True:
                yield task(str(self.drawn))
                self.drawn += 1

    endless = Endless()
    library.env = Env(None, endless)  # type: ignore[arg-type]
    conversed(Deaf(), OPEN, {"row": 2}, {"row": 0})
    opened, third, first = told()
    assert opened["count"] is None and endless.drawn == 2  # the third is begun, and no fourth
    assert (third["prompt"][0]["content"], first["prompt"][0]["content"]) == ("2", "0")
    with pytest.raises(IndexError):
        beside.Tasks(Tasks([task("a")]))[1]


def test_an_episode_asks_is_answered_and_ends_with_its_facts(library: Library, told: Any) -> None:
    worker, answers, tool = Deaf(), [], {"type": "function"}

    async def play(slot: Any, address: str) -> Any:
        assert address == "http://127.0.0.1:80/7/v1"
        for tools in ([tool], []):
            answers.append(await worker.completion(request("7", tools=tools)))
        return episode()

    library.env = Env(play, Tasks([task("1+1"), task("2+2")]))
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
    conversed(
        worker, OPEN, {"begin": "7", "index": 1}, {"say": "7", "message": call},
        {"say": "7", "message": {"role": "assistant", "content": "4"}}, {"say": "7", "message": {"content": "late"}},
    )  # fmt: skip
    question = [{"role": "user", "content": "?"}]
    assert told()[1:] == [
        {"ask": "7", "messages": question, "tools": [tool]},
        {"ask": "7", "messages": question, "tools": []},
        {"end": "7", "reward": 0.5, "rewards": {"sum": 0.5}, "metrics": {"tries": 2.0}, "stop": "done"},
    ]
    assert [one.status for one in answers] == [200, 200]
    first, second = (one.body["choices"][0] for one in answers)
    assert first["message"] == call and second["message"]["content"] == "4"
    assert (first["finish_reason"], second["finish_reason"]) == ("tool_calls", "stop")
    assert [one.body["id"] for one in answers] == ["straw-0", "straw-1"]
    assert not worker.running and not worker.waiting


def test_enough_is_a_refusal_for_the_request_that_waits_and_for_all_that_follow(library: Library, told: Any) -> None:
    worker, answers = Deaf(), []

    async def play(slot: Any, address: str) -> Any:
        for _ in range(2):
            answers.append(await worker.completion(request("7")))
        return episode()

    library.env = Env(play, Tasks([task("1+1")]))
    conversed(worker, OPEN, {"begin": "7", "index": 0}, {"enough": "7"})
    assert [(one.status, one.body["error"]["code"]) for one in answers] == [(400, "straw_enough")] * 2
    assert [sorted(one)[0] for one in told()] == ["count", "ask", "end"]  # what there was is scored
    assert not worker.enough  # another episode of that name begins anew


@pytest.mark.parametrize("body", [{"stream": True}, {}])
def test_one_request_at_a_time_and_no_streams(library: Library, told: Any, body: dict[str, Any]) -> None:
    worker = Deaf()

    async def ask() -> Any:
        if not body:
            worker.waiting["7"] = asyncio.get_running_loop().create_future()
        return await worker.completion(request("7", **body))

    answer = asyncio.run(ask())
    assert answer.status == 400
    assert answer.body["error"]["message"] == "one request at a time, and no streams"
    assert told() == []


def test_an_episode_that_is_dropped_says_nothing_and_one_that_raises_says_what(library: Library, told: Any) -> None:
    worker = Deaf()

    async def play(slot: Any, address: str) -> Any:
        if slot.data.prompt_text == "raises":
            raise KeyError("x" * 500)
        await worker.completion(request("1"))

    library.env = Env(play, Tasks([task("waits"), task("raises")]))
    conversed(worker, OPEN, {"begin": "1", "index": 0}, {"drop": "1"}, {"drop": "1"}, {"begin": "2", "index": 1})
    assert [one for one in told() if "end" in one] == [{"end": "2", "failed": "KeyError: '" + "x" * 399}]
    assert not worker.running


def test_episodes_that_run_when_the_input_ends_are_cancelled(library: Library, told: Any) -> None:
    worker, ended = Deaf(), []

    async def play(slot: Any, address: str) -> Any:
        try:
            await worker.completion(request("1"))
        finally:
            ended.append(True)

    library.env = Env(play, Tasks([task("waits")]))
    conversed(worker, OPEN, {"begin": "1", "index": 0})
    assert ended == [True] and not any("end" in one for one in told())


def test_facts_of_an_episode_are_its_last_trace_or_its_first_error() -> None:
    wrong = SimpleNamespace(type="TaskError", message="m" * 500)
    of_a_trace = SimpleNamespace(errors=[SimpleNamespace(type="ToolError", message="no")])
    facts = beside.facts_of(episode())
    assert facts["reward"] == 0.5
    assert beside.facts_of(episode(errors=[wrong]))["reward"] == 0.5  # it came through all the same
    assert beside.facts_of(episode(ok=False)) == facts  # nothing says why
    assert beside.facts_of(episode(ok=False, errors=[wrong])) == {"failed": "TaskError: " + "m" * 400}
    assert beside.facts_of(episode(ok=False, traces=[of_a_trace])) == {"failed": "ToolError: no"}
    assert beside.facts_of(episode(traces=[])) == {"failed": "no agent ran"}
    last = episode().traces[0]
    last.reward = 0.25
    assert beside.facts_of(episode(traces=[episode().traces[0], last]))["reward"] == 0.25
