"""Generators that never wait for one another: each begins the next groups with the newest weights there are.

    begun      1 2 3 4 5 6 7         one after the other, by whichever generator has nothing to do
    done       1 3 2 5 6 7 4         as they come; a step takes the first that are done
    dropped    4                     begun more than max_lag versions ago

Groups that are under way or wait number at most max_lag * batch_size, so one that is taken in its turn is never older
than max_lag, and only one that others overtook is dropped (`stale_groups`, and an event). With fresh_weights a
generator takes new weights between two tokens too; a group is then as old as its first token. The importance weights
stay right in any case: a token's log-probability is that of the weights that wrote it.

What it costs: who writes what depends on the clock, so no two runs have the same bits, and a run that goes on begins
what was under way again. (For equal bits: `lagged`.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from straw.engines.base import Engine
from straw.training.sources.base import Collector, Groups, NoRollouts
from straw.training.sources.policy_lag import lag_of
from straw.types import Metric, Rollout

Numbered = list[tuple[int, list[Rollout]]]  # groups, each with its number
Say = Callable[[str], None]
Tell = Callable[..., None]  # an event of the run: name and facts


class Free(NoRollouts):
    """`under_way` tells the groups of each piece of work, `waiting` those that are done."""

    def __init__(self, collector: Collector, engine: Engine, next_group: int, say: Say, tell: Tell) -> None:
        self.collector, self.engine, self.next_group, self.tell = collector, engine, next_group, tell
        self.page = collector.plan.page
        self.last, self.size = int(self.page.run.n_batches or 0), self.page.algorithm.batch_size
        self.under_way: dict[Future[Numbered], range] = {}
        self.waiting: Numbered = []
        self.idle: SimpleQueue[int] = SimpleQueue()  # generators that have nothing to do
        for generator in range(self.page.engine.num_generators):
            self.idle.put(generator)
        self.found: dict[str, Metric] = {}
        if self.page.engine.num_generators > self.most_ahead:
            count = self.page.engine.num_generators
            say(f"at most {self.most_ahead} of {count} generators can work: raise max_lag or batch_size")

    @contextmanager
    def opened(self) -> Iterator[None]:
        count = self.page.engine.num_generators
        with ThreadPoolExecutor(count, thread_name_prefix="free") as self.writers:
            try:
                yield
            finally:
                for future in self.under_way:
                    future.cancel()

    @property
    def most_ahead(self) -> int:
        """Groups. One begun in step s with version s - 1 has at most max_lag batches before it: it is taken in step
        s + max_lag at the latest, by a trainer whose version is s - 1 + max_lag."""
        return self.page.engine.max_lag * self.size

    def rollouts(self, step: int) -> Groups:
        """The first groups that are done, without those that are too old."""
        batch: Numbered = []
        dropped = 0
        while len(batch) < self.size:
            self.begin(step, missing=self.size - len(batch))
            if not self.waiting:
                self.take_in()
            while self.waiting and len(batch) < self.size:
                number, group = self.waiting.pop(0)
                if self.is_stale(number, group):
                    dropped += 1
                else:
                    batch.append((number, group))
        self.begin(step, missing=0)
        groups = [group for _, group in batch]
        self.found = {"stale_groups": Metric(dropped), "lag": lag_of(groups, self.engine.policy_version)}
        return groups

    def facts(self) -> dict[str, Metric]:
        return self.found

    def begin(self, step: int, missing: int) -> None:
        """As much as there is room for, and as the steps that are left want: `missing` of this one's."""
        most = min((self.last - step) * self.size + missing, self.most_ahead)
        there = len(self.waiting) + sum(map(len, self.under_way.values()))
        piece = max(1, self.size // self.page.engine.num_generators)
        while there < most:
            numbers = range(self.next_group, self.next_group + min(piece, most - there))
            self.under_way[self.writers.submit(self.written, numbers)] = numbers
            self.next_group, there = numbers.stop, there + len(numbers)

    def written(self, numbers: range) -> Numbered:
        """In a thread of its own. Waits for a generator that has nothing to do."""
        generator = self.idle.get()
        try:
            groups = self.collector.of_groups(numbers, self.engine.newest(generator))
        finally:
            self.idle.put(generator)
        return list(zip(numbers, groups, strict=True))

    def take_in(self) -> None:
        """Wait for a piece of work to be done; of several, the first that was begun comes first."""
        done, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
        for future in [future for future in self.under_way if future in done]:
            del self.under_way[future]
            self.waiting += future.result()

    def is_stale(self, number: int, group: list[Rollout]) -> bool:
        now, then = self.engine.policy_version, min(turn.policy_version for one in group for turn in one.turns)
        if now - then <= self.page.engine.max_lag:
            return False
        self.tell("stale_group", group=number, version=then, newest=now)
        return True

    def state(self) -> dict[str, Any]:
        """A run that goes on begins again with the first group that was not learned from."""
        open_ones = [number for number, _ in self.waiting] + [numbers.start for numbers in self.under_way.values()]
        return {"next_group": min(open_ones, default=self.next_group)}
