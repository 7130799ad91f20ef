"""Generators that run free: how much is begun, and when. What they write is tested with processes (tests/engines)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.config import load_page
from straw.training.sources.free import Free
from straw.types import End, Grade, Message, Problem, Rollout, Turn

PROBLEM = Problem(key="a", messages=(Message("user", "?"),), reference=("1",))


def rollout(version: int) -> Rollout:
    turn = Turn(prompt=(1,), reply=(2,), logprobs=(-0.1,), policy_version=version)
    grade = Grade(hits=(True,), well_formed=True)
    return Rollout(problem=PROBLEM, turns=(turn,), replies=("1",), end=End.ANSWERED, grade=grade)


class Written:
    """A collector and an engine in one; group `number` was written by version versions.get(number, now)."""

    def __init__(self, versions: dict[int, int] | None = None, **options: Any) -> None:
        told = {"batch_size": 4, "n_batches": 3, "max_lag": 2, "pace": "free", "engine": "monarch", **options}
        self.plan, self.versions, self.policy_version = SimpleNamespace(page=load_page(None, told).page), versions, 0
        self.events: list[dict[str, Any]] = []

    def newest(self, generator: int) -> int:
        return generator

    def of_groups(self, numbers: range, sampler: int) -> list[list[Rollout]]:
        return [[rollout((self.versions or {}).get(number, self.policy_version))] for number in numbers]

    def free(self) -> Free:
        return Free(self, self, 0, lambda line: None, lambda event, **facts: self.events.append(facts))  # type: ignore[arg-type]


@pytest.mark.parametrize("max_lag", [1, 2, 3])
def test_as_many_groups_are_ahead_as_may_lag_behind(max_lag: int) -> None:
    free = Written(max_lag=max_lag).free()
    assert free.most_ahead == 4 * max_lag
    with free.opened():
        free.begin(1, missing=0)
        assert free.next_group == min(4 * max_lag, 8)  # two batches are left behind the first


def test_every_step_has_its_batch_and_nothing_is_begun_behind_the_last() -> None:
    free = Written().free()
    with free.opened():
        for step in (1, 2, 3):
            assert len(free.rollouts(step)) == 4
            free.engine.policy_version += 1  # type: ignore[misc]
    assert free.next_group == 12


def test_what_is_missing_in_the_last_step_is_begun_again() -> None:
    """Two groups of the last batch are too old: others take their places."""
    written = Written({9: -9, 10: -9})
    free = written.free()
    with free.opened():
        sizes = [len(free.rollouts(step)) for step in (1, 2, 3)]
    assert sizes == [4, 4, 4]
    assert free.next_group == 14
    assert sorted(event["group"] for event in written.events) == [9, 10]
    assert free.facts()["stale_groups"].mean == 2
