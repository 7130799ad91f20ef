from __future__ import annotations

import time

from straw.algorithms.baselines import Credit
from straw.sandbox.programs import SPENT
from straw.training.monitor.play_metrics import failures_of, of_plays, of_sandbox
from straw.training.step import credited, credited_by_turn
from straw.types import End, Grade, Message, Play, Problem, Rollout, ToolCall, Turn

PROBLEM = Problem(key="a", messages=(Message("user", "?"),), reference=("",))
TURN = Turn(prompt=(1,), reply=(2,), logprobs=(-1.0,), policy_version=0)
GROUP = Credit(baseline="group")


def rollout(*statuses: str, turns: int = 1, reason: str = "", paid: tuple[float, ...] | None = None) -> Rollout:
    calls = tuple(ToolCall(turn=0, name="ab"[place % 2], status=status) for place, status in enumerate(statuses))
    total = sum(paid) if paid is not None else float(len(statuses))
    return Rollout(
        problem=PROBLEM, turns=(TURN,) * turns, replies=("",) * turns, end=End.FAILED if reason else End.ANSWERED,
        grade=Grade(hits=(False,), well_formed=True), turn_rewards=None if reason else paid,
        rewards={} if reason else {"it": total},
        play=Play(environment="it", calls=calls, tools=("a", "b"), reason=reason),
    )  # fmt: skip


def test_calls_are_counted_over_calls_and_failures_over_rollouts() -> None:
    found = of_plays([rollout("answered", "failed", "malformed"), rollout("answered"), rollout(reason="no board")])
    assert found["tools/call_frequency"].mean == 4 / 3
    assert found["tools/failure_frequency"].mean == 2 / 4
    assert found["tools/malformed"].mean == 1 / 4
    assert found["tools/most_common"].mean == 3 / 4
    assert found["environments/failed"].mean == 1 / 3
    assert found["environments/solved"].count == 0  # nobody says
    assert failures_of([rollout(reason="no board")] * 2 + [rollout()]) == {"no board": 2}
    assert of_plays([]) == {}


def test_a_rollout_that_failed_is_compared_with_nobody_and_has_no_advantage() -> None:
    one, failed, three = rollout("answered"), rollout(reason="broke"), rollout(*["answered"] * 3)
    assert [done.advantages for done in credited([[one, failed, three]], GROUP)[0]] == [(-1.0,), (0.0,), (1.0,)]
    nobody = credited([[failed, failed]], GROUP)[0]
    assert [done.advantages for done in nobody] == [(0.0,), (0.0,)]


def test_a_turn_is_compared_with_the_same_turn_of_those_that_came_as_far() -> None:
    short, long, other = (
        rollout(paid=(1.0,)), rollout(turns=3, paid=(0.0, 2.0, 5.0)), rollout(turns=2, paid=(0.5, 4.0)),
    )  # fmt: skip
    found = [one.advantages for one in credited_by_turn([[short, long, other]], GROUP)[0]]
    assert found == [(0.5,), (-0.5, -1.0, 0.0), (0.0, 1.0)]


def test_the_seconds_of_the_sandbox_are_told_once() -> None:
    of_sandbox(1)  # whatever was run before
    for _ in range(2):
        with SPENT:
            time.sleep(0.01)
    found = of_sandbox(4)
    assert found["sandbox/programs"].mean == 0.5
    assert 0.005 <= found["sandbox/seconds"].mean < 1.0
    assert of_sandbox(4) == {}
