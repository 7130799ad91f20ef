"""Whatever happens to a generator, its work comes back: with processes that are none, so that it takes no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from straw.engines.base import Reply
from straw.engines.monarch.generator import Version
from straw.engines.monarch.memory.shared_memory import Handle
from straw.engines.monarch.processes.process import WorkerDied, WorkerRaised
from straw.engines.monarch.work import Limits, tokens_in
from straw.engines.monarch.worker_pool import Pool
from straw.errors import ConfigError, TrainingError

Behaviour = Callable[["Fake", Any], Any]
Told = list[tuple[str, dict[str, Any]]]


def version(serial: int) -> Version:
    return Version(serial, serial, Handle("", 0, {}))


class Fake:
    """A process as the pool sees one: it answers as `behaviour` says."""

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        fail(behaviour, "make", name)
        self.name, self.behaviour, self.pid = name, behaviour, 1
        self.death: asyncio.Event | None = None
        self.place: dict[str, object] = {}

    async def start(self) -> None:
        self.death = asyncio.Event()
        fail(self.behaviour, "start", self.name)
        if self.name in self.behaviour.__dict__.get("unborn", ()):
            raise WorkerDied(f"{self.name} gave no answer")

    async def call(self, method: str, version: Version, job: Any, *, loads: bool = False) -> Any:
        await asyncio.sleep(0)
        answer = self.behaviour(self, job)
        if asyncio.iscoroutine(answer):
            answer = await answer
        return (version.serial, answer)

    async def trouble(self) -> str:
        assert self.death is not None
        if self.name not in self.behaviour.__dict__.get("stopped", ()):
            await self.death.wait()
        return "died"

    def kill(self) -> None:
        if self.death is not None:
            self.death.set()

    async def bury(self) -> None:
        self.kill()

    async def stop(self) -> None: ...


def fail(behaviour: Behaviour, place: str, name: str) -> None:
    """As it is told to, in processes of that name or in all."""
    where, whose, error = behaviour.__dict__.get("fails", ("", "", None))
    if where == place and name.startswith(whose):
        raise error


@contextmanager
def pool(behaviour: Behaviour, count: int = 2, **limits: Any) -> Iterator[tuple[Pool, Told]]:
    told: Told = []
    made = Pool(
        lambda name, index: Fake(name, behaviour),  # type: ignore[arg-type, return-value]
        count,
        Limits(pause_s=0.0, **limits),
        lambda event, **facts: told.append((event, facts)),
    )
    made.open()
    try:
        yield made, told
    finally:
        made.close()


def events(told: Told) -> list[str]:
    return [event for event, _ in told if event != "generator_started"]


def test_answers_come_back_in_order() -> None:
    async def slowly(fake: Fake, job: int) -> int:
        await asyncio.sleep(0.02 / (1 + job))
        return job * 10

    with pool(slowly) as (ours, told):
        assert ours.work("sample", version(1), range(5)) == [(1, 10 * job) for job in range(5)]
        assert events(told) == []


def test_work_that_one_generator_raises_at_is_done_by_another() -> None:
    def act(fake: Fake, job: int) -> str:
        if fake.name.startswith("generator-0"):
            raise WorkerRaised("RuntimeError: out of luck")
        return fake.name

    with pool(act) as (ours, told):
        assert ours.work("sample", version(1), [0]) == [(1, "generator-1-0")]
        assert events(told) == ["generator_raised"]
        assert told[-1][1] == {"generator": 0, "error": "RuntimeError: out of luck", "tries": 1}
        assert ours.states() == ["ready", "ready"]  # who raises lives on


def test_work_that_everybody_raises_at_ends_with_the_last_error() -> None:
    def act(fake: Fake, job: int) -> None:
        raise WorkerRaised("IndexError: list index out of range")

    with pool(act) as (ours, _), pytest.raises(TrainingError, match="failed 3 times, at last: IndexError"):
        ours.work("sample", version(1), [0])


def test_what_is_wrong_everywhere_is_not_tried_again() -> None:
    def act(fake: Fake, job: int) -> None:
        raise ConfigError("this model reads 512 tokens")

    with pool(act) as (ours, told):
        with pytest.raises(ConfigError, match="512"):
            ours.work("sample", version(1), [0])
        assert events(told) == []


def test_the_dead_are_replaced_and_their_work_goes_to_others() -> None:
    def act(fake: Fake, job: int) -> str:
        if fake.name == "generator-0-0":
            raise WorkerDied("generator-0-0 died")
        return fake.name

    with pool(act) as (ours, told):
        answers = ours.work("sample", version(1), range(4))
        assert {name for _, name in answers} <= {"generator-0-1", "generator-1-0"}
        assert events(told) == ["generator_died"]


def test_somebody_who_never_starts_is_given_up_and_the_others_go_on() -> None:
    def act(fake: Fake, job: int) -> str:
        return fake.name

    act.unborn = {f"generator-0-{number}" for number in range(20)}  # type: ignore[attr-defined]
    with pool(act, replacements=2) as (ours, told):
        assert ours.work("sample", version(1), range(3)) == [(1, "generator-1-0")] * 3
        assert events(told) == ["generator_died"] * 3 + ["generator_given_up"]


def test_a_generator_that_answers_now_and_then_is_replaced_for_ever() -> None:
    dealt: set[int] = set()

    def act(fake: Fake, job: int) -> str:
        if job % 2 and job not in dealt:
            dealt.add(job)
            raise WorkerDied(f"{fake.name} died")
        return fake.name

    with pool(act, count=1, replacements=1) as (ours, told):
        assert [name for _, name in ours.work("sample", version(1), range(10))][-1] == "generator-0-5"
        assert events(told) == ["generator_died"] * 5


def test_when_nobody_is_left_it_ends() -> None:
    def act(fake: Fake, job: int) -> None:
        raise WorkerDied(f"{fake.name} died")

    with pool(act, replacements=1, tries=100) as (ours, told):
        with pytest.raises(TrainingError, match="no generator is left"):
            ours.work("sample", version(1), [0])
        assert events(told).count("generator_given_up") == 2


def test_work_without_a_version_takes_the_newest_when_it_begins() -> None:
    held = asyncio.Event()

    async def act(fake: Fake, job: int) -> int:
        if job == 0:
            await held.wait()
        return job

    with pool(act, count=1) as (ours, _):
        ours.show(version(1))
        first, second = ours.submit("sample", None, 0), ours.submit("sample", None, 1)
        while first.version is None:
            pass
        ours.show(version(2))
        assert ours.serials_in_use() == {1}
        ours.loop.call_soon_threadsafe(held.set)
        assert (first.answer.result(), second.answer.result()) == ((1, 0), (2, 1))
        assert second.version == version(2)


def test_what_a_generator_took_by_itself_is_in_use_and_what_it_left_is_not() -> None:
    held = asyncio.Event()

    async def act(fake: Fake, job: int) -> int:
        await held.wait()
        return job

    with pool(act, count=1) as (ours, _):
        ours.taken = lambda generator: 5
        ours.show(version(3))
        work = ours.submit("sample", None, 0)
        while work.version is None:
            pass
        assert ours.serials_in_use() == {5}
        ours.loop.call_soon_threadsafe(held.set)
        work.answer.result()


def test_generators_are_seen_from_outside() -> None:
    held = asyncio.Event()

    async def act(fake: Fake, job: int) -> list[Reply]:
        await held.wait()
        return [Reply((1, 2, 3), (-1.0,) * 3, True)]

    with pool(act, count=1) as (ours, _):
        work = ours.submit("sample", version(1), 0)
        while ours.facts()[0]["state"] != "sampling":
            pass
        assert ours.facts() == [{"generator": 0, "state": "sampling", "replaced": 0, "tokens": 0, "tokens_per_s": 0.0}]
        ours.loop.call_soon_threadsafe(held.set)
        work.answer.result()
        while ours.facts()[0]["state"] != "idle":
            pass


def test_tokens_are_counted_however_replies_are_wrapped() -> None:
    reply = Reply((1, 2), (-1.0, -1.0), False)
    assert tokens_in([[reply, reply], [reply]]) == 6
    assert tokens_in([reply]) == 2
    assert tokens_in(None) == 0


def test_somebody_who_is_stopped_at_rest_is_replaced_before_there_is_work() -> None:
    def act(fake: Fake, job: int) -> str:
        return fake.name

    act.stopped = {"generator-0-0"}  # type: ignore[attr-defined]
    with pool(act, count=1) as (ours, told):
        while "generator_died" not in events(told):
            pass
        assert ours.work("sample", version(1), [0]) == [(1, "generator-0-1")]
