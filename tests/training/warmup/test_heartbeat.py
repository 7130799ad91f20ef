from __future__ import annotations

import pytest
from tests.small_runs import small_plan

from straw.engines.local.build import load_engine
from straw.training.warmup import heartbeat as patience
from straw.training.warmup.heartbeat import Patience
from straw.training.warmup.initial_policy import goal_of
from straw.training.warmup.uniform import warm_up


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    return now


def test_a_line_comes_half_a_minute_after_the_last_one_and_not_before(clock: list[float]) -> None:
    said: list[str] = []
    waiting = Patience(said.append)
    for second in range(0, 100, 10):
        clock[0] = float(second)
        waiting.tell(lambda: f"at {clock[0]:g}")
        if second == 40:
            waiting.say("something else")
    assert said == ["at 30", "something else", "at 70"]


@pytest.mark.parametrize("every_s, lines", [(0.0, 3), (1e9, 1)])
def test_a_warm_up_that_takes_long_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, every_s: float, lines: int
) -> None:
    monkeypatch.setattr(patience, "EVERY_S", every_s)
    plan, said = small_plan("warmup_steps=2"), []
    warm_up(load_engine(plan.page), plan.task, goal_of(plan.page.warmup), said.append)
    assert len(said) == lines
    assert said[-1].startswith("warm-up 2 steps: valid mass")
    assert every_s or said[0].startswith("warming up, step 1, loss ")
