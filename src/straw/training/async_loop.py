"""The loop with generators that run ahead: attempts for later steps are made while a step is trained.

    step          1        2        3        4
    trained       [1]      [2]      [3]      [4]         max_lag=1
    written       [1][2]   [3]      [4]      [5]         [3] is written with the weights that step 1 left

The attempts of step s are written by version max(0, s - 1 - max_lag), exactly, whatever the clock says. So a run that
goes on, or is repeated, has the same bits; what a token's own version was is in its log-probabilities, and the
importance weights make up for the lag (`lag` in the metrics). With max_lag=0 nothing is ahead, and this is the
synchronous loop. (Generators that take whatever is the newest: `free_loop`.)

Attempts that were made ahead belong to the state: a checkpoint waits for them and keeps them.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from straw.training.lag import lag_of
from straw.training.loop import Loop
from straw.types import Metric, Rollout


class AsyncLoop(Loop):
    """One run whose generators never wait for the trainer for longer than `max_lag` steps."""

    ahead: dict[int, Future[list[list[Rollout]]]]

    def run(self) -> dict[str, float]:
        self.ahead = {step: done(groups) for step, groups in self.state.ahead.items()}
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as self.writer:
            try:
                return super().run()
            finally:
                for future in self.ahead.values():
                    future.cancel()

    def attempts(self) -> list[list[Rollout]]:
        """The groups of this step; those of later steps are begun."""
        last = min(self.state.step + self.page.engine.max_lag, self.num_steps)
        for step in range(self.state.step, last + 1):
            if step not in self.ahead:
                self.ahead[step] = self.writer.submit(self.attempts_of, step, self.engine.pinned())
        groups = self.ahead.pop(self.state.step).result()
        self.ran = {"lag": lag_of(groups, self.engine.policy_version)} if self.page.engine.max_lag else {}
        return groups

    def step(self) -> dict[str, Metric]:
        return {**super().step(), **self.ran}

    def save(self, row: dict[str, float]) -> None:
        self.state.ahead = {step: future.result() for step, future in self.ahead.items()}
        super().save(row)


def done(groups: list[list[Rollout]]) -> Future[list[list[Rollout]]]:
    future: Future[list[list[Rollout]]] = Future()
    future.set_result(groups)
    return future
