"""A pool of generators some of whose hosts cannot be reached, with processes that are none."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.engines.monarch.hosts.workers import until
from tests.engines.monarch.test_worker_pool import Behaviour, Fake, events, pool, version

from straw.engines.monarch.processes.process import HostAway, WorkerDied
from straw.errors import EngineFailed


class There:
    """Generators of this number are on a host that is away, for as long as it is."""

    def __init__(self, *away: int) -> None:
        self.away = {f"generator-{index}" for index in away}
        self.lost: list[str] = []

    def __call__(self, fake: Fake, job: Any) -> Any:
        if self.lost and fake.name.startswith(self.lost[0]):
            self.away.add(self.lost[0])
            raise WorkerDied(f"{fake.name} was on b, which is lost")
        return job


class Away(Fake):
    async def start(self) -> None:
        behaviour: Any = self.behaviour
        if any(self.name.startswith(name) for name in behaviour.away):
            raise HostAway("b cannot be reached: nobody listens there")
        await super().start()


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.engines.monarch.test_worker_pool.Fake", Away)


def numbers(found: list[Any]) -> list[int]:
    return [job for _, job in found]


def test_others_do_the_work_and_nobody_is_given_up_however_long_it_takes() -> None:
    there: Behaviour = There(1)
    with pool(there, away_s=0.0) as (ours, told):
        assert numbers(ours.work("sample", version(1), range(20))) == list(range(20))
        time.sleep(0.05)
        assert ours.states() == ["ready", "away"] and events(told) == []


def test_work_of_a_host_that_is_lost_goes_to_others_and_the_host_is_taken_back() -> None:
    there = There()
    with pool(there) as (ours, told):  # type: ignore[arg-type]
        until(lambda: ours.states() == ["ready", "ready"])
        there.lost.append("generator-1")
        assert numbers(ours.work("sample", version(1), range(20))) == list(range(20))
        until(lambda: ours.states() == ["ready", "away"])
        assert events(told) == ["generator_died"]
        there.lost.clear()
        there.away.clear()
        until(lambda: ours.states() == ["ready", "ready"])


def test_without_any_host_work_ends_when_patience_does() -> None:
    there: Behaviour = There(0, 1)
    with pool(there, away_s=0.1) as (ours, told):
        with pytest.raises(EngineFailed, match=r"no generator is left.*b cannot be reached: nobody listens there"):
            ours.work("sample", version(1), range(3))
        assert set(events(told)) == {"generator_given_up"}


def test_a_host_that_comes_and_goes_is_taken_back_as_often() -> None:
    there = There()
    with pool(there, replacements=3) as (ours, told):  # type: ignore[arg-type]
        for _ in range(8):
            there.lost.clear()
            there.away.clear()
            until(lambda: ours.states() == ["ready", "ready"])
            there.lost.append("generator-1")
            assert numbers(ours.work("sample", version(1), range(4))) == list(range(4))
            until(lambda: ours.states() == ["ready", "away"])
        assert set(events(told)) == {"generator_died"}
