"""Towards a belief: the targets are its own distribution, and the distance from it is measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tests.small_runs import Parts

from straw.engines.base import AdamParams, Loss
from straw.measure.bits_known import answer_nats
from straw.tasks.base import Enumerable
from straw.tasks.teacher_forcing import forced
from straw.training.learners.soft_targets import ROWS, SoftTargets, TargetDistribution, batch_of
from straw.types import Datum


def datum(*tokens: int) -> Datum:
    return Datum(prompt=(1,), tokens=tokens, weights=(1.0,) * len(tokens))


def test_a_target_is_how_the_belief_goes_on() -> None:
    targets = SoftTargets(TargetDistribution([datum(5, 1), datum(5, 2), datum(6, 1)], np.array([0.5, 0.25, 0.25])))
    (first, weight), *_ = targets.rows(0.0)
    assert weight == 0.5
    assert first.soft_targets == ({5: 0.75, 6: 0.25}, {1: pytest.approx(2 / 3), 2: pytest.approx(1 / 3)})


def test_what_has_no_share_is_no_target() -> None:
    targets = SoftTargets(TargetDistribution([datum(5), datum(6)], np.array([1.0, 0.0])))
    ((only, weight),) = targets.rows(0.0)
    assert (only.soft_targets, weight) == (({5: 1.0},), 1.0)


def test_a_wide_belief_is_read_through_as_many_rows_as_there_may_be() -> None:
    many = [datum(7, index) for index in range(10 * ROWS)]
    rows = list(SoftTargets(TargetDistribution(many, np.full(len(many), 1 / len(many)))).rows(0.3))
    assert len(rows) == ROWS
    assert sum(weight for _, weight in rows) == pytest.approx(1)
    assert all(len(row.soft_targets[1]) == len(many) for row, _ in rows if row.soft_targets)


def test_the_entropy_is_that_of_the_belief() -> None:
    """All rows are there, so it is exact: 1.5 bits."""
    targets = SoftTargets(TargetDistribution([datum(5, 1), datum(5, 2), datum(6, 1)], np.array([0.5, 0.25, 0.25])))
    _, entropy = batch_of([targets], 0)
    assert entropy == pytest.approx(1.5 * math.log(2))


def test_updates_bring_the_policy_to_the_belief_and_the_kl_says_so(home: Path) -> None:
    parts = Parts()
    task, problem = parts.task, parts.task.problem(0)
    assert isinstance(task, Enumerable)
    data = [forced(parts.chat, task, problem, task.answer_at(index)) for index in range(task.space)]
    shares = np.array([0.5, 0.25, 0.25, 0, 0, 0, 0, 0])
    kls = []
    for update in range(60):
        batch, entropy = batch_of([SoftTargets(TargetDistribution(data, shares))], update)
        kls.append(parts.engine.forward_backward(batch, Loss(name="cross_entropy")).metrics["loss"] - entropy)
        parts.engine.optim_step(AdamParams(learning_rate=1e-3))
    now = answer_nats(parts.engine, task, problem, range(task.space))
    exact = sum(share * (math.log(share) - now[index]) for index, share in enumerate(shares) if share)
    assert kls[0] > 0.5 and kls[-1] < 0.05
    assert exact == pytest.approx(kls[-1], abs=0.02)
