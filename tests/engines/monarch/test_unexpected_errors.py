"""Exceptions that nobody expects end no task of the pool in silence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.engines.monarch.test_worker_pool import Behaviour, Fake, events, fail, pool, version

from straw.engines.monarch.processes.process import WorkerDied
from straw.engines.monarch.work import Limits
from straw.engines.monarch.worker_pool import Pool
from straw.errors import EngineFailed

ERRORS = [OSError(24, "Too many open files"), ValueError("a value"), RuntimeError("actor system is gone")]
PLACES = ("make", "start", "call")


def failing(place: str, whose: str, error: Exception) -> Behaviour:
    def act(fake: Fake, job: int) -> str:
        fail(act, "call", fake.name)
        return fake.name

    act.fails = (place, whose, error)  # type: ignore[attr-defined]
    return act


def answer_within(work: Any, seconds: float = 20.0) -> Any:
    """A wait without an end is what is looked for, so the test must not have one."""
    return work.answer.result(timeout=seconds)


@pytest.mark.parametrize("error", ERRORS, ids=["OSError", "ValueError", "RuntimeError"])
@pytest.mark.parametrize("place", PLACES)
def test_whatever_one_generator_meets_another_does_its_work(place: Any, error: Any) -> None:
    with pool(failing(place, "generator-0", error), replacements=2) as (ours, told):
        works = [ours.submit("sample", version(1), job, prefer=0) for job in range(3)]
        assert {answer_within(work) for work in works} == {(1, "generator-1-0")}
        wait_until(lambda: "generator_died" in events(told))
    said = next(facts["error"] for event, facts in told if event == "generator_died")
    assert ("raise ulimit -n" if isinstance(error, OSError) else str(error)) in said


@pytest.mark.parametrize("error", ERRORS, ids=["OSError", "ValueError", "RuntimeError"])
@pytest.mark.parametrize("place", PLACES)
def test_whatever_all_generators_meet_the_wait_ends_and_says_what_it_was(place: Any, error: Any) -> None:
    words = "no more files may be open: raise ulimit -n" if isinstance(error, OSError) else str(error)
    with pool(failing(place, "", error), replacements=2) as (ours, told):
        works = [ours.submit("sample", version(1), job) for job in range(4)]
        for work in works:
            with pytest.raises(EngineFailed, match=words):
                answer_within(work)
        with pytest.raises(EngineFailed, match=words):  # and nobody who comes later waits
            answer_within(ours.submit("sample", version(1), 9))
        if place != "call":
            assert events(told).count("generator_given_up") == 2


@pytest.mark.parametrize("error", ERRORS, ids=["OSError", "ValueError", "RuntimeError"])
@pytest.mark.parametrize("place", ["make", "start"])
def test_a_trainer_that_cannot_be_begun_ends_the_wait_too(place: str, error: Any) -> None:
    with pool(lambda fake, job: fake.name) as (ours, _):
        with pytest.raises(WorkerDied, match="a process could not be begun"):
            ours.start(lambda: Fake("trainer", failing(place, "trainer", error)))  # type: ignore[arg-type, return-value]
        assert not any(process.name == "trainer" for process in ours.processes)


def test_a_mistake_in_the_pool_itself_ends_no_wait_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, slot: Any) -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(Pool, "_next", broken)
    with pool(lambda fake, job: fake.name) as (ours, told):
        with pytest.raises(EngineFailed, match=r"no generator is left.*nobody thought of this"):
            answer_within(ours.submit("sample", version(1), 0))
        assert events(told).count("generator_given_up") == 2


def test_who_listens_may_fail_and_work_goes_on() -> None:
    def full(event: str, **facts: Any) -> None:
        raise OSError(28, "No space left on device")

    made = Pool(lambda name, index: Fake(name, lambda fake, job: job), 1, Limits(), full)  # type: ignore[arg-type, return-value]
    made.open()
    assert answer_within(made.submit("sample", version(1), 7)) == (1, 7)
    made.close()


def test_who_waits_when_the_engine_is_closed_waits_no_longer() -> None:
    async def never(fake: Fake, job: int) -> None:
        await asyncio.Event().wait()

    with pool(never, count=1) as (ours, _):
        works = [ours.submit("sample", version(1), job) for job in range(3)]
        wait_until(lambda: ours.facts()[0]["state"] == "sampling")
    for work in works:
        with pytest.raises(EngineFailed, match="the engine is closed"):
            answer_within(work, 5.0)


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("error", [OSError("full"), ValueError("no log"), KeyError("x")])
def test_tidying_that_fails_goes_on_at_the_next_second(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    tried: list[int] = []

    def tidy() -> None:
        tried.append(1)
        raise error

    async def at_once(seconds: float) -> None:
        if len(tried) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", at_once)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Pool._tidy(SimpleNamespace(tidy=tidy)))  # type: ignore[arg-type]
    assert len(tried) == 3
