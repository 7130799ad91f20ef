"""Generators that run ahead: rollouts for later steps are made while a step is trained.

    step          1        2        3        4
    trained       [1]      [2]      [3]      [4]         max_lag=1
    written       [1][2]   [3]      [4]      [5]         [3] is written with the weights that step 1 left

The rollouts of step s are written by version max(0, s - 1 - max_lag), exactly, whatever the clock says. So a run that
goes on, or is repeated, has the same bits; what a token's own version was is in its log-probabilities, and the
importance weights make up for the lag (`lag` in the metrics). With max_lag=0 nothing is ahead, and this is the
synchronous source. (Generators that take whatever is the newest: `free`.)

Rollouts that were made ahead belong to the state: a checkpoint waits for them and keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from straw.engines.base import Engine
from straw.training.sources.base import Collector, Groups, NoRollouts
from straw.training.sources.policy_lag import lag_of
from straw.types import Metric


class Lagged(NoRollouts):
    """Generators never wait for the trainer for longer than `max_lag` steps. `ahead`: what was made before."""

    def __init__(self, collector: Collector, engine: Engine, ahead: Mapping[int, Groups]) -> None:
        self.collector, self.engine, self.max_lag = collector, engine, collector.plan.page.engine.max_lag
        self.last = int(collector.plan.page.run.n_batches or 0)
        self.ahead = {step: done(groups) for step, groups in ahead.items()}
        self.lag: dict[str, Metric] = {}

    @contextmanager
    def opened(self) -> Iterator[None]:
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as self.writer:
            try:
                yield
            finally:
                for future in self.ahead.values():
                    future.cancel()

    def rollouts(self, step: int) -> Groups:
        """Those of later steps are begun."""
        for later in range(step, min(step + self.max_lag, self.last) + 1):
            if later not in self.ahead:
                self.ahead[later] = self.writer.submit(self.collector.of, later, self.engine.pinned())
        groups = self.ahead.pop(step).result()
        self.lag = {"lag": lag_of(groups, self.engine.policy_version)} if self.max_lag else {}
        return groups

    def facts(self) -> dict[str, Metric]:
        return self.lag

    def state(self) -> dict[str, Any]:
        return {"ahead": {step: future.result() for step, future in self.ahead.items()}}


def done(groups: Groups) -> Future[Groups]:
    future: Future[Groups] = Future()
    future.set_result(groups)
    return future
