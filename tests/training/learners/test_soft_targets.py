"""Towards a belief: the targets are its own distribution, and the distance from it is measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.small_runs import Parts

from straw.engines.base import AdamParams, Loss
from straw.measure.bits_known import answer_nats
from straw.tasks.base import Enumerable
from straw.tasks.teacher_forcing import forced
from straw.training.learners.soft_targets import (
    ROWS,
    BeliefOptions,
    SoftTargets,
    TargetDistribution,
    Toward,
    batch_of,
    entropy_of,
)
from straw.types import Datum, Metric


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


def alike(count: int) -> SoftTargets:
    """So many replies of one token each, equally likely."""
    return SoftTargets(TargetDistribution([datum(index) for index in range(count)], np.full(count, 1 / count)))


def said(targets: SoftTargets, offset: float) -> list[tuple[int, float]]:
    return [(row.tokens[0], weight) for row, weight in targets.rows(offset)]


def test_up_to_thirty_two_replies_are_all_read_and_of_more_as_many_evenly() -> None:
    assert said(alike(32), 0.5) == [(index, 1 / 32) for index in range(32)] and ROWS == 32
    assert said(alike(64), 0.25) == [(2 * index, 1 / 32) for index in range(32)]
    assert said(alike(64), 0.75) == [(2 * index + 1, 1 / 32) for index in range(32)]


def test_the_last_of_a_wide_belief_can_be_drawn_as_the_first_can() -> None:
    assert said(alike(33), 0.999)[-1] == (32, 1 / 32) and said(alike(33), 0.0)[0] == (0, 1 / 32)


def test_a_likely_reply_of_a_wide_belief_is_one_row_that_weighs_as_often_as_it_was_met() -> None:
    """Half of all places lie in the first reply, the others in 32 that share the other half."""
    shares = np.array([0.5, *[1 / 64] * 32])
    rows = said(SoftTargets(TargetDistribution([datum(index) for index in range(33)], shares)), 0.5)
    assert rows[0] == (0, 0.5) and [weight for _, weight in rows[1:]] == [1 / 32] * 16


def test_shares_that_do_not_add_up_to_one_are_taken_by_their_ratio() -> None:
    (first, weight), (_, other) = SoftTargets(TargetDistribution([datum(5), datum(6)], np.array([1.5, 0.5]))).rows(0)
    assert (weight, other, first.soft_targets) == (0.75, 0.25, ({5: 0.75, 6: 0.25},))


def test_every_lesson_of_a_batch_weighs_the_same_and_so_does_its_entropy() -> None:
    """One sure of a reply of two tokens, one of two replies alike: half of ln 2 nats."""
    heavy = replace(datum(7, 8), weights=(1.0, 0.0))
    lessons = [SoftTargets(TargetDistribution([heavy], np.ones(1))), alike(2)]
    data, entropy = batch_of(lessons, 0)
    assert [row.weights for row in data] == [(0.5, 0.0), (0.25,), (0.25,)]
    assert entropy == pytest.approx(math.log(2) / 2)


def test_a_token_that_is_only_read_has_no_part_in_the_entropy() -> None:
    pair = [replace(datum(first, 9), weights=(0.0, 1.0)) for first in (5, 6)]
    assert batch_of([SoftTargets(TargetDistribution(pair, np.array([0.5, 0.5])))], 0)[1] == 0.0


def test_each_lesson_of_a_batch_begins_its_spacing_at_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Listening(SoftTargets):
        def rows(self, offset: float) -> Iterator[tuple[Datum, float]]:
            asked.append(offset)
            return super().rows(offset)

    lesson = Listening(TargetDistribution([datum(5)], np.ones(1)))
    monkeypatch.setattr("straw.training.learners.soft_targets.uniform_for", lambda *seed: seed)
    batch_of([lesson, lesson], 3, "toward", 1, 2)
    assert asked == [(3, "toward", 1, 2, 0), (3, "toward", 1, 2, 1)]


def test_the_entropy_of_a_target_is_in_nats_and_what_has_no_share_adds_none() -> None:
    assert entropy_of({1: 1.0, 2: 0.0}) == 0.0
    assert entropy_of({1: 0.5, 2: 0.5}) == pytest.approx(math.log(2))


class Believer:
    """Sure of one reply; writes down what it heard."""

    def __init__(self) -> None:
        self.facts, self.heard = {"reward_aware": 1.0}, list[Any]()

    def observe(self, groups: Any, step: int) -> None:
        self.heard.append((groups, step))

    def beliefs(self) -> list[TargetDistribution]:
        return [TargetDistribution([datum(5)], np.ones(1))]


def toward(*losses: float, most: int | None = 3, target: float | None = 0.25) -> tuple[dict[str, Metric], Any]:
    """What a step towards a belief says, and the engine, where updates have these losses."""
    remaining, told = list(losses), SimpleNamespace(published=0, batches=[], heard=[])

    def one(data: Any, loss: Loss, step: int) -> dict[str, float]:
        told.batches.append((data, loss.name, step))
        return {"loss": remaining.pop(0), "grad_norm": 1.0}

    def publish() -> None:
        told.published += 1

    believer, told.engine = Believer(), SimpleNamespace(publish=publish)
    plan: Any = SimpleNamespace(
        page=SimpleNamespace(algorithm=BeliefOptions(most_updates=most, target_kl=target), run=SimpleNamespace(seed=0))
    )
    updates: Any = SimpleNamespace(one=one, engine=told.engine)
    found = Toward(plan, updates, believer).learn(4, [[]], [["not these"]])  # type: ignore[arg-type, list-item]
    assert believer.heard == [([[]], 4)]
    return found, told


def test_updates_go_on_until_the_belief_is_near_and_the_sampler_gets_them_once() -> None:
    found, told = toward(1.0, 0.25, 0.125)
    assert len(told.batches) == 3 and told.published == 1
    assert {name: one.mean for name, one in found.items()} == {
        "loss": 0.125, "grad_norm": 1.0, "updates": 3.0, "kl_from_belief": 0.125, "reward_aware": 1.0,
    }  # fmt: skip
    assert {batch[1:] for batch in told.batches} == {("cross_entropy", 4)}
    assert toward(1.0, 0.2)[0]["updates"].mean == 2


def test_no_more_updates_are_made_than_a_page_allows() -> None:
    assert toward(1.0, 1.0, 1.0, most=2)[0]["updates"].mean == 2
    found, told = toward(most=None)
    assert found == {} and told.published == 1


def test_without_a_target_all_updates_are_made() -> None:
    assert toward(1.0, 0.0, 0.5, target=None)[0]["updates"].mean == 3
