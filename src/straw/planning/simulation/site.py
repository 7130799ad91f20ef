"""Everybody who works: the directing process, the trainer, generators on machines, and the link that weights take.

    directing   hands out    ->   generator   takes the weights, writes   ->   directing   takes the answer

A generator does one piece of work at a time, in the order of asking, and waits for the weights of its version where
they are not on its machine yet. The directing process has threads, of which one at a time does something.
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.planning.costs import Costs
from straw.planning.layout import Layout
from straw.planning.simulation.clock import Clock, Course, Signal
from straw.planning.simulation.processors import NICE, PLAIN, Others, Process, Processors


@dataclass(slots=True)
class Generator:
    process: Process
    machine: int
    version: int = 0  # of its weights
    working_with: int | None = None


@dataclass(slots=True)
class Push:
    """The weights of a version on their way to other machines: side by side, so all of them have them at one moment."""

    begun: float
    there: Signal
    seconds: float = 0.0  # until they had them


class Site:
    def __init__(self, clock: Clock, costs: Costs, layout: Layout, are_nice: bool, others: Others = ()) -> None:
        """`are_nice`: generators step back for the trainer, as they do where they run ahead of it; `others`: whose
        processes are on the directing machine, too."""
        self.clock, self.costs, self.layout = clock, costs, layout
        machines = range(layout.machines)
        self.processors = [
            Processors(clock, layout.cores, costs.crowding, () if machine else others) for machine in machines
        ]
        self.cards = [Processors(clock, layout.cards) for _ in machines if layout.cards]
        self.link = Processors(clock, 1.0)
        computing, weight = self.cards or self.processors, NICE if are_nice and not self.cards else PLAIN
        self.directing, self.trainer = Process(self.processors[0]), Process(computing[0])
        homes = [layout.host_of(index) for index in range(layout.generators)]
        self.generators = [Generator(Process(computing[home], weight), home) for home in homes]
        self.pushes: list[Push] = []
        self.trained = 0  # the version that was published last
        self.push()

    # --- weights -------------------------------------------------------------------------------

    def push(self) -> None:
        """Of the newest version: every machine gets a copy, and every generator is told to take it."""
        push = Push(self.clock.now, Signal())
        self.pushes.append(push)
        seconds = self.layout.others * self.costs.weights_mb / self.costs.link_mb_s
        if not self.trained or not self.layout.others:
            push.there.give()
            return
        self.directing.do(self.costs.message_s * len(self.generators))
        self.link.use(seconds).then(lambda: self._arrived(push))

    def _arrived(self, push: Push) -> None:
        push.seconds = self.clock.now - push.begun
        push.there.give()

    def oldest_in_use(self) -> int:
        return min((one.working_with for one in self.generators if one.working_with is not None), default=self.trained)

    # --- work ----------------------------------------------------------------------------------

    def work(self, generator: int, seconds: float, version: int | None) -> Signal:
        """A piece of it, from asking to the answer; without a version the newest, when it begins."""
        return self.clock.begin(self._worked(self.generators[generator], seconds, version))

    def _worked(self, one: Generator, seconds: float, version: int | None) -> Course:
        half = self.costs.message_s / 2
        yield self.directing.do(half)
        if self.costs.latency_s:
            yield self.clock.after(self.costs.latency_s / 2)
        wanted = self.trained if version is None else version
        one.working_with = wanted if one.working_with is None else min(one.working_with, wanted)
        if one.machine:
            yield self.pushes[wanted].there
        taking = self.costs.take_s if one.version != wanted else 0.0
        one.version = wanted
        yield one.process.do(taking + seconds)
        one.working_with = None
        if self.costs.latency_s:
            yield self.clock.after(self.costs.latency_s / 2)
        yield self.directing.do(half)

    @property
    def cpu_s(self) -> float:
        return sum(one.used for one in self.processors)

    @property
    def card_s(self) -> float:
        return sum(one.used for one in self.cards)

    @property
    def generating_s(self) -> float:
        return sum(one.process.busy_s for one in self.generators)
