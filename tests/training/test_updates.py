"""Optimiser steps, on an engine whose numbers are written down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.config import Optimizer
from straw.engines.base import Loss
from straw.errors import TrainingError
from straw.training.updates import Updates
from straw.types import Datum, Metric

LOSS = Loss(name="ppo")
DATA = [Datum(prompt=(1,), tokens=(2,), weights=(1.0,))]


class Counting:
    """An engine, a folder and a plan in one; each update says these sums."""

    def __init__(self, *, updates_per_batch: int = 1, **sums: float) -> None:
        self.sums, self.calls, self.error = sums, list[Any](), ""
        self.page = SimpleNamespace(
            run=SimpleNamespace(n_batches=4),
            algorithm=SimpleNamespace(updates_per_batch=updates_per_batch),
            optimizer=Optimizer(learning_rate=1.0, schedule="linear"),
        )

    def adam(self, rate: float) -> float:
        return rate

    def forward_backward(self, data: Any, loss: Loss) -> Any:
        self.calls.append((data, loss))
        return SimpleNamespace(metrics=dict(self.sums))

    def optim_step(self, rate: float) -> dict[str, float]:
        if self.error:
            raise TrainingError(self.error)
        self.calls.append(rate)
        return {"grad_norm": 0.5}

    def publish(self) -> None:
        self.calls.append("publish")

    def write_batch(self, step: int, data: Any) -> str:
        self.calls.append((step, data))
        return "broken.jsonl"

    def updates(self) -> Updates:
        every: Any = self
        return Updates(every, every, every)


def test_every_update_of_a_batch_is_one_step_and_the_sampler_gets_the_weights_once() -> None:
    engine = Counting(updates_per_batch=3, loss=2.0, weight=1.0)
    found = engine.updates().on(DATA, LOSS, 2)
    assert engine.calls == [(DATA, LOSS), 0.75] * 3 + ["publish"]  # three quarters of the run are left
    assert found == {name: Metric(value) for name, value in
                     {"loss": 2.0, "grad_norm": 0.5, "learning_rate": 0.75, "updates": 3.0}.items()}  # fmt: skip


def test_without_data_there_is_no_update_and_nothing_to_publish() -> None:
    engine = Counting(loss=2.0, weight=1.0)
    assert engine.updates().on([], LOSS, 1) == {"updates": Metric(0.0)} and engine.calls == []


def test_entropy_and_kl_are_means_by_weight_and_the_rest_are_sums() -> None:
    sums: dict[str, Any] = {"loss": 8.0, "entropy": 8.0, "kl_sampler": 2.0, "kl": 1.0, "clipped": 8.0}
    found = Counting(weight=4.0, **sums).updates().one(DATA, LOSS, 1)
    assert found == {
        "loss": 8.0, "entropy": 2.0, "kl_sampler": 0.5, "kl": 0.25, "clipped": 8.0, "grad_norm": 0.5,
        "learning_rate": 1.0,
    }  # fmt: skip
    nothing = Counting(weight=0.0, loss=8.0, entropy=8.0).updates().one(DATA, LOSS, 4)
    assert nothing == {"loss": 8.0, "entropy": 8.0, "grad_norm": 0.5, "learning_rate": 0.25}


@pytest.mark.parametrize("loss", [float("inf"), float("-inf"), float("nan")])
def test_a_loss_that_is_no_number_stops_before_the_optimiser_and_keeps_the_batch(loss: float) -> None:
    engine = Counting(loss=loss, weight=1.0)
    with pytest.raises(TrainingError) as caught:
        engine.updates().one(DATA, LOSS, 3)
    assert str(caught.value) == (
        f"step 3 had to stop, the loss is {loss}. Its batch is kept in broken.jsonl. Try a smaller learning_rate."
    )
    assert engine.calls == [(DATA, LOSS), (3, DATA)]


def test_an_optimiser_that_refuses_stops_with_its_reason_and_keeps_the_batch() -> None:
    engine = Counting(loss=1.0, weight=1.0)
    engine.error = "the gradient is not finite"
    with pytest.raises(TrainingError, match=r"^step 2 had to stop, the gradient is not finite\. Its batch is kept in"):
        engine.updates().on(DATA, LOSS, 2)
    assert engine.calls == [(DATA, LOSS), (2, DATA)]


def test_a_run_of_no_steps_has_no_length() -> None:
    engine = Counting()
    engine.page.run.n_batches = None
    assert engine.updates().num_steps == 0
