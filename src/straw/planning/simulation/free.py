"""A run in free pace: whoever has nothing to do writes the next groups with the newest weights, as in
`training.sources.free`.

At most max_lag batches are under way or wait, a step takes the first groups that are done, and those that are older
than max_lag are dropped. The trainer writes over the memory of a version when nobody writes with it any more.
"""

from __future__ import annotations

from collections import deque

from straw.planning.costs import Costs
from straw.planning.simulation.clock import Course, Signal
from straw.planning.simulation.exact import learned
from straw.planning.simulation.outcome import Log
from straw.planning.simulation.site import Site
from straw.planning.workload import Workload, piece_of_groups

PATIENCE_S = 0.002  # between two looks at who still writes


class Free:
    def __init__(self, work: Workload, costs: Costs, site: Site, log: Log, steps: int) -> None:
        self.work, self.costs, self.site, self.log, self.steps = work, costs, site, log, steps
        self.idle = deque(range(len(site.generators)))
        self.pieces: deque[range] = deque()  # that no generator has begun
        self.done: deque[int] = deque()  # versions of groups that wait, in their order
        self.next_group = self.under_way = 0
        self.news = Signal()
        self.most_ahead = work.max_lag * work.groups
        self.piece = max(1, work.groups // len(site.generators))

    def run(self) -> Course:
        for _ in range(self.steps):
            begun, batch = self.site.clock.now, list[int]()
            while len(batch) < self.work.groups:
                self.begin()
                if not self.done:
                    self.news = Signal()
                    yield self.news
                self.choose(batch)
            self.begin()
            waited, newest = self.site.clock.now - begun, self.site.trained
            while self.site.oldest_in_use() <= newest + 1 - self.work.slots:
                yield self.site.clock.after(PATIENCE_S)
            yield from learned(self.work, self.costs, self.site, self.log)
            self.log.step(sum(newest - version for version in batch) / len(batch), waited)
        self.site.clock.is_over = True

    def choose(self, batch: list[int]) -> None:
        while self.done and len(batch) < self.work.groups:
            version = self.done.popleft()
            if self.site.trained - version <= self.work.max_lag:
                batch.append(version)
            else:
                self.log.dropped += 1

    def begin(self) -> None:
        """As much as there is room for."""
        while (there := len(self.done) + self.under_way) < self.most_ahead:
            numbers = range(self.next_group, self.next_group + min(self.piece, self.most_ahead - there))
            self.next_group, self.under_way = numbers.stop, self.under_way + len(numbers)
            self.pieces.append(numbers)
        while self.pieces and self.idle:
            self.site.clock.begin(self.written(self.idle.popleft(), self.pieces.popleft()))

    def written(self, generator: int, numbers: range) -> Course:
        seconds, rollouts = piece_of_groups(self.work, self.costs, numbers)
        yield self.site.work(generator, seconds, None)
        version = self.site.generators[generator].version
        yield self.site.directing.do(self.costs.grade_s * rollouts)
        self.idle.append(generator)
        self.under_way -= len(numbers)
        self.done.extend([version] * len(numbers))
        if self.pieces:
            self.site.clock.begin(self.written(self.idle.popleft(), self.pieces.popleft()))
        if not self.news.is_given:
            self.news.give()
