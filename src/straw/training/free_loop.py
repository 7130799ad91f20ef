"""The loop whose generators never wait for one another: each begins the next groups with the newest weights there are.

    begun      1 2 3 4 5 6 7         one after the other, by whichever generator has nothing to do
    done       1 3 2 5 6 7 4         as they come; a step takes the first that are done
    dropped    4                     begun more than max_lag versions ago

Groups that are under way or wait number at most max_lag * batch_size, so one that is taken in its turn is never older
than max_lag, and only one that others overtook is dropped (`stale_groups`, and an event). With fresh_weights a
generator takes new weights between two tokens too; a group is then as old as its first token. The importance weights
stay right in any case: a token's log-probability is that of the weights that wrote it.

What it costs: who writes what depends on the clock, so no two runs have the same bits, and a run that goes on begins
what was under way again. (For equal bits: `async_loop`.)
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

from straw.rollouts.collect import Place, collect
from straw.training.lag import lag_of
from straw.training.loop import Loop
from straw.types import Metric, Rollout

Groups = list[tuple[int, list[Rollout]]]  # each with its number


class FreeLoop(Loop):
    """One run; `under_way` tells the groups of each piece of work, `waiting` those that are done."""

    def run(self) -> dict[str, float]:
        count = self.page.engine.num_generators
        self.under_way: dict[Future[Groups], range] = {}
        self.waiting: Groups = []
        self.has_nothing_to_do: SimpleQueue[int] = SimpleQueue()
        for generator in range(count):
            self.has_nothing_to_do.put(generator)
        if count > self.most_ahead:
            self.watcher.say(f"at most {self.most_ahead} of {count} generators can work: raise max_lag or batch_size")
        with ThreadPoolExecutor(count, thread_name_prefix="free") as self.writers:
            try:
                return super().run()
            finally:
                for future in self.under_way:
                    future.cancel()

    @property
    def size(self) -> int:
        return self.page.algorithm.batch_size

    @property
    def most_ahead(self) -> int:
        """Groups. One begun in step s with version s - 1 has at most max_lag batches before it: it is taken in step
        s + max_lag at the latest, by a trainer whose version is s - 1 + max_lag."""
        return self.page.engine.max_lag * self.size

    def attempts(self) -> list[list[Rollout]]:
        """The first groups that are done, without those that are too old."""
        batch: Groups = []
        dropped = 0
        while len(batch) < self.size:
            self.begin(missing=self.size - len(batch))
            if not self.waiting:
                self.take_in()
            while self.waiting and len(batch) < self.size:
                number, group = self.waiting.pop(0)
                if self.is_stale(number, group):
                    dropped += 1
                else:
                    batch.append((number, group))
        self.begin(missing=0)
        groups = [group for _, group in batch]
        self.ran = {"stale_groups": Metric(dropped), "lag": lag_of(groups, self.engine.policy_version)}
        return groups

    def step(self) -> dict[str, Metric]:
        return {**super().step(), **self.ran}

    def begin(self, missing: int) -> None:
        """As much as there is room for, and as the steps that are left want: `missing` of this one's."""
        left = (self.num_steps - self.state.step) * self.size + missing
        there = len(self.waiting) + sum(map(len, self.under_way.values()))
        piece = max(1, self.size // self.page.engine.num_generators)
        while there < min(left, self.most_ahead):
            numbers = range(self.state.next_group, self.state.next_group + min(piece, left - there))
            self.under_way[self.writers.submit(self.written, numbers)] = numbers
            self.state.next_group, there = numbers.stop, there + len(numbers)

    def written(self, numbers: range) -> Groups:
        """In a thread of its own. Waits for a generator that has nothing to do."""
        generator = self.has_nothing_to_do.get()
        try:
            problems = [self.plan.task.problem(number) for number in numbers]
            places = [Place(self.page.run.seed, 1 + number // self.size, number % self.size) for number in numbers]
            sampler, size = self.engine.newest(generator), self.page.algorithm.group_size
            groups = collect(sampler, self.plan.task, self.plan.channel, problems, places, size, self.sampling)
        finally:
            self.has_nothing_to_do.put(generator)
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
        self.folder.write_event("stale_group", self.state.step, group=number, version=then, newest=now)
        return True

    def save(self, row: dict[str, float]) -> None:
        """A run that goes on begins again with the first group that was not learned from."""
        number, open_ones = self.state.next_group, [number for number, _ in self.waiting]
        open_ones += [numbers.start for numbers in self.under_way.values()]
        self.state.next_group = min(open_ones, default=number)
        super().save(row)
        self.state.next_group = number
