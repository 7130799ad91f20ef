"""Optimiser steps: every one is checked for numbers that are none, and a batch that broke it is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from straw.engines.base import Engine, Loss
from straw.errors import TrainingError
from straw.runs.store import RunFolder
from straw.training.plan import Plan
from straw.training.schedule import learning_rate_at
from straw.types import Datum, Metric

MEANS = ("entropy", "kl_sampler", "kl")  # of what an update reports: for each unit of weight


class Updates:
    """What every learner does with its data."""

    def __init__(self, plan: Plan, engine: Engine, folder: RunFolder) -> None:
        self.plan, self.engine, self.folder = plan, engine, folder
        self.num_steps = int(plan.page.run.n_batches or 0)

    def on(self, data: Sequence[Datum], loss: Loss, step: int) -> dict[str, Metric]:
        """Some updates on one batch, then the sampler gets the weights. No data, no update."""
        if not data:
            return {"updates": Metric(0.0)}
        sums: dict[str, float] = {}
        for _ in range(self.plan.page.algorithm.updates_per_batch):
            sums = self.one(data, loss, step)
        self.engine.publish()
        sums |= {"updates": float(self.plan.page.algorithm.updates_per_batch)}
        return {name: Metric(value) for name, value in sums.items()}

    def one(self, data: Sequence[Datum], loss: Loss, step: int) -> dict[str, float]:
        rate = learning_rate_at(self.plan.page.optimizer, step - 1, self.num_steps)
        sums = self.engine.forward_backward(data, loss).metrics
        if not math.isfinite(sums["loss"]):
            raise self.broken(step, f"the loss is {sums['loss']}", data)
        try:
            sums |= self.engine.optim_step(self.plan.adam(rate))
        except TrainingError as error:
            raise self.broken(step, str(error), data) from error
        weight = sums.pop("weight") or 1.0
        means: dict[str, float] = {name: sums[name] / weight for name in MEANS if name in sums}
        return {**sums, **means, "learning_rate": rate}

    def broken(self, step: int, reason: str, data: Sequence[Datum]) -> TrainingError:
        path = self.folder.write_batch(step, data)
        return TrainingError(
            f"step {step} had to stop, {reason}. Its batch is kept in {path}. Try a smaller learning_rate."
        )
