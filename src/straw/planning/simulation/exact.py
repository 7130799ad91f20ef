"""A run in exact pace: each step is written by one version, max_lag steps ahead, as `training.sources.lagged` does it.

    step        wait for the rollouts of this step, train, publish; those of the next max_lag steps are asked for first
    writer      one step after the other, cut into shares for all generators; it waits for the slowest, and grades

With max_lag=0 nothing is ahead, and generators and trainer wait for each other.
"""

from __future__ import annotations

from collections import deque

from straw.planning.costs import Costs
from straw.planning.simulation.clock import Course, Signal, all_of
from straw.planning.simulation.outcome import Log
from straw.planning.simulation.site import Site
from straw.planning.workload import Workload, rounds


class Exact:
    def __init__(self, work: Workload, costs: Costs, site: Site, log: Log, steps: int) -> None:
        self.work, self.costs, self.site, self.log, self.steps = work, costs, site, log, steps
        self.asked: deque[tuple[int, int, Signal]] = deque()  # step, version, and the signal of its rollouts
        self.written: dict[int, tuple[int, Signal]] = {}
        self.is_writing = False

    def run(self) -> Course:
        for step in range(self.steps):
            for later in range(step, step + self.work.max_lag + 1):
                if later not in self.written:
                    self.ask(later)
            begun, (version, ready) = self.site.clock.now, self.written.pop(step)
            yield ready
            waited, lag = self.site.clock.now - begun, self.site.trained - version
            yield from learned(self.work, self.costs, self.site, self.log)
            self.log.step(lag, waited)
        self.site.clock.is_over = True

    def ask(self, step: int) -> None:
        ready, version = Signal(), self.site.trained
        self.written[step] = (version, ready)
        self.asked.append((step, version, ready))
        if not self.is_writing:
            self.is_writing = True
            self.site.clock.begin(self.write())

    def write(self) -> Course:
        while self.asked:
            step, version, ready = self.asked.popleft()
            for pieces in rounds(self.work, self.costs, step, len(self.site.generators)):
                yield all_of([self.site.work(piece.generator, piece.seconds, version) for piece in pieces])
            yield self.site.directing.do(self.costs.grade_s * self.work.rollouts)
            ready.give()
        self.is_writing = False


def learned(work: Workload, costs: Costs, site: Site, log: Log) -> Course:
    """Rollouts are written down and trained on, and the weights shown to everybody."""
    yield site.directing.do(costs.keep_s * work.rollouts)
    yield site.trainer.do((costs.train_s * work.rollouts + costs.update_s) * work.updates)
    if costs.latency_s:
        yield site.clock.after(costs.latency_s * (2 * work.updates + 1))  # to the trainer and back, for every verb
    begun = site.clock.now
    yield site.trainer.do(costs.show_s)
    site.trained += 1
    site.push()
    push, show_s = site.pushes[-1], site.clock.now - begun
    push.there.then(lambda: log.syncs.append(show_s + push.seconds + costs.take_s))
    yield site.directing.do(costs.step_s)
