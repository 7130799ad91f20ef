"""How far a source runs ahead of the policy, and which one a page gets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.training.sources.test_places import plan_of, rollout

from straw.training.sources.base import NoRollouts
from straw.training.sources.free import Free
from straw.training.sources.lagged import Lagged, done
from straw.training.sources.pass_rates import PassRates
from straw.training.sources.policy_lag import lag_of
from straw.training.sources.prefetch import Prefetching
from straw.training.sources.registry import source_of
from straw.types import Metric

# --- how far behind, and who runs ahead


def test_a_lag_is_the_mean_over_turns_of_versions_since() -> None:
    assert lag_of([[rollout(versions=(3, 5))], [rollout(versions=(1,))]], 5) == Metric(2.0, 3)


class Stepped:
    """A collector and an engine in one; what was begun is written down with its version."""

    def __init__(self, plan: Any) -> None:
        self.plan, self.sampling, self.policy_version = plan, SimpleNamespace(max_tokens=5), 0
        self.begun: list[tuple[int, int]] = []

    def pinned(self) -> int:
        return self.policy_version

    def of(self, step: int, version: int) -> Any:
        self.begun.append((step, version))
        return [[rollout(versions=(version,))]]


def lagged(ahead: Any = (), **options: Any) -> tuple[Any, Any]:
    every: Any = Stepped(plan_of(**options))
    return Lagged(every, every, dict(ahead)), every


@pytest.mark.parametrize(
    ("max_lag", "begun", "lags"),
    [
        (0, [(1, 0), (2, 1), (3, 2), (4, 3)], [None] * 4),
        (1, [(1, 0), (2, 0), (3, 1), (4, 2)], [0, 1, 1, 1]),
        (2, [(1, 0), (2, 0), (3, 0), (4, 1)], [0, 1, 2, 2]),
        (9, [(1, 0), (2, 0), (3, 0), (4, 0)], [0, 1, 2, 3]),
    ],
)
def test_rollouts_are_begun_max_lag_steps_ahead_and_none_behind_the_last(
    max_lag: int, begun: list[tuple[int, int]], lags: list[float | None]
) -> None:
    source, every = lagged(max_lag=max_lag)
    found = []
    with source.opened():
        for step in (1, 2, 3, 4):
            source.rollouts(step)
            found.append(source.facts()["lag"].mean if source.facts() else None)
            every.policy_version += 1
    assert (every.begun, found) == (begun, lags) and source.state() == {"ahead": {}}


def test_what_was_made_ahead_is_kept_and_not_made_again() -> None:
    kept = [[rollout(versions=(0,))]]
    source, every = lagged({2: kept}, max_lag=1)
    with source.opened():
        assert source.rollouts(2) is kept
        assert every.begun == [(3, 0)] and source.state() == {"ahead": {3: [[rollout()]]}}
    assert done(kept).result() is kept


def free(**options: Any) -> tuple[Any, Any, list[str]]:
    """A source that runs free; an engine of version 5; what it says."""
    every, said = Stepped(plan_of(pace="free", **options)), list[str]()
    every.policy_version = 5
    events: list[Any] = []
    source: Any = Free(every, every, 3, said.append, lambda event, **facts: events.append((event, facts)))  # type: ignore[arg-type]
    return source, events, said


def test_generators_that_can_never_work_are_told_of() -> None:
    assert free(max_lag=1, num_generators=2)[2] == []  # one batch of two groups
    assert free(max_lag=1, num_generators=3)[2] == ["at most 2 of 3 generators can work: raise max_lag or batch_size"]


@pytest.mark.parametrize(("version", "is_stale"), [(5, False), (3, False), (2, True)])
def test_a_group_is_too_old_beyond_max_lag_by_the_first_of_its_turns(version: int, is_stale: bool) -> None:
    source, events, _ = free(max_lag=2)
    assert source.is_stale(7, [rollout(versions=(5,)), rollout(versions=(5, version))]) is is_stale
    assert events == ([("stale_group", {"group": 7, "version": 2, "newest": 5})] if is_stale else [])


class Writers:
    """Takes work and does nothing of it."""

    def __init__(self) -> None:
        self.given: list[range] = []

    def submit(self, work: Any, numbers: range) -> int:
        self.given.append(numbers)
        return len(self.given)


@pytest.mark.parametrize(
    ("options", "step", "missing", "given"),
    [
        ({"max_lag": 2, "num_generators": 1}, 1, 0, [(3, 5), (5, 7)]),
        ({"max_lag": 2, "num_generators": 2}, 1, 0, [(3, 4), (4, 5), (5, 6), (6, 7)]),
        ({"max_lag": 2, "num_generators": 5}, 3, 1, [(3, 4), (4, 5), (5, 6)]),
        ({"max_lag": 2, "num_generators": 1}, 4, 1, [(3, 4)]),
        ({"max_lag": 2, "num_generators": 1}, 4, 0, []),
        ({"max_lag": 3, "batch_size": 3, "num_generators": 1}, 3, 1, [(3, 6), (6, 7)]),
        ({"max_lag": 1, "batch_size": 5, "num_generators": 2}, 1, 5, [(3, 5), (5, 7), (7, 8)]),
    ],
)
def test_as_much_is_begun_as_there_is_room_for_and_as_the_rest_of_the_run_wants(
    options: dict[str, int], step: int, missing: int, given: list[tuple[int, int]]
) -> None:
    source, _, _ = free(**options)
    source.writers = Writers()
    source.begin(step, missing)
    assert [(one.start, one.stop) for one in source.writers.given] == given
    assert source.next_group == (given[-1][1] if given else 3)


def test_what_is_under_way_or_waits_takes_room_and_is_begun_again_by_a_run_that_goes_on() -> None:
    source, _, _ = free(max_lag=2, num_generators=1)
    assert source.state() == {"next_group": 3}
    source.writers = Writers()
    source.under_way, source.waiting = {"a": range(5, 7)}, [(4, [])]
    source.begin(1, 0)
    assert source.writers.given == [range(3, 4)] and source.state() == {"next_group": 3}
    source.under_way = {"a": range(5, 7)}
    assert source.state() == {"next_group": 4}
    source.waiting = []
    assert source.state() == {"next_group": 5}


# --- which source a page gets


@pytest.mark.parametrize(
    ("options", "is_foreseen"),
    [
        ({}, True), ({"device": "cuda"}, False), ({"curriculum": "pass_rate"}, False), ({"reads_replies": True}, False),
        ({"is_exact": False}, False),
    ],
)  # fmt: skip
def test_steps_are_foreseen_where_that_leaves_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], is_foreseen: bool
) -> None:
    is_exact = options.pop("is_exact", True)
    monkeypatch.setattr("straw.training.sources.prefetch.is_exact", lambda generator: is_exact)
    plan = plan_of(**options)
    plan.channel.reads_replies = options.get("reads_replies", False)
    plan.task.max_turns = 2
    asked: list[Any] = []
    collector: Any = SimpleNamespace(
        plan=plan, sampling=SimpleNamespace(max_tokens=100),
        of=lambda step, engine: asked.append(step), of_all=lambda steps, engine: [[] for _ in steps],
    )  # fmt: skip
    engine: Any = SimpleNamespace(policy_version=0)
    source = Prefetching(collector, engine)
    source.rollouts(1)
    assert source.is_foreseen is is_foreseen and asked == ([] if is_foreseen else [1])
    assert (source.foresight.most, source.last) == (1, 4)  # 2,048 tokens are ten rows of 200: one step of six


def test_a_page_s_source_is_the_learner_s_own_or_goes_by_its_lag_and_pace() -> None:
    say: Any = None

    def source(student: Any = None, is_sft: bool = False, **options: Any) -> Any:
        plan = plan_of(**options)
        plan.is_sft = is_sft
        state: Any = SimpleNamespace(student=student, pass_rates=PassRates(), next_group=9, ahead={2: []})
        sampling: Any = SimpleNamespace(max_tokens=5)
        engine: Any = SimpleNamespace(policy_version=0)
        return source_of(plan, engine, sampling, state, say, say)

    assert type(source()) is Prefetching and type(source(is_sft=True)) is NoRollouts
    found = source(max_lag=1)
    assert type(found) is Lagged and [*found.ahead] == [2]
    assert type(source(max_lag=1, pace="free")) is Free and source(max_lag=1, pace="free").next_group == 9
    assert type(source(pace="free")) is Prefetching
    own = NoRollouts()
    assert source(SimpleNamespace(source=lambda collector: own), max_lag=1) is own
    assert type(source(SimpleNamespace(source=lambda collector: None))) is Prefetching
    assert type(source(SimpleNamespace(source=lambda collector: own), is_sft=True)) is NoRollouts
