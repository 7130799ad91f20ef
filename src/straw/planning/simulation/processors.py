"""The processors of one machine, shared as Linux shares them, and processes that do one thing at a time.

    2 processors, 4 processes of equal weight       each has half a processor
    2 processors, a trainer and 4 generators        the trainer has one, the generators share the other: they are nice

Each has at most one processor, and what one does not want goes to the others by their weights. Processes of one weight
go on equally fast, so their work ends in the order of its size: an event costs the logarithm of their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import count

from straw.planning.simulation.clock import Clock, Signal

PLAIN, NICE = 1024.0, 110.0  # Linux' weights of a process as it is, and of one with nice 10
TICK_S = 0.2
Others = Sequence[Mapping[float, float]]  # by weight, how many processes of others want to work, every TICK_S
NOTHING = 1e-12  # seconds: the rounding error of a sum


class Equals:
    """Processes of one weight; `done` is what each of them was given since the beginning."""

    __slots__ = ("at_work", "done", "share", "speed")

    def __init__(self) -> None:
        self.done, self.share, self.speed = 0.0, 0.0, 0.0  # share: of a processor, for each
        self.at_work: list[tuple[float, int, Signal]] = []  # each ends when `done` is so far


class Processors:
    def __init__(self, clock: Clock, cores: float, crowding: float = 1.0, others: Others = ()) -> None:
        self.clock, self.cores, self.crowding = clock, cores, crowding
        self.others: Mapping[float, float] = {}
        self.equals: dict[float, Equals] = {}
        self.order, self.plan = count(), 0
        self.since = 0.0  # when speeds changed last
        self.used_s = 0.0  # seconds of processor time
        if others:
            self._change(others, 0)

    def use(self, seconds: float, weight: float = PLAIN) -> Signal:
        """Some work, `seconds` long for a process that is alone; given when it is done."""
        ended = Signal()
        if seconds <= 0:
            ended.give()
            return ended
        self._advance()
        equals = self.equals.setdefault(weight, Equals())
        heappush(equals.at_work, (equals.done + seconds, next(self.order), ended))
        self._plan()
        return ended

    @property
    def used(self) -> float:
        """Seconds of processor time until now."""
        self._advance()
        return self.used_s

    def _change(self, others: Others, tick: int) -> None:
        """Somebody else's processes, over and over again as they were seen."""
        self._advance()
        self.others = others[tick % len(others)]
        self._plan()
        if len(others) > 1:
            self.clock.at(self.clock.now + TICK_S, lambda: self._change(others, tick + 1))

    def _advance(self) -> None:
        """Everybody at work is as far as it comes until now."""
        passed, self.since = self.clock.now - self.since, self.clock.now
        for equals in self.equals.values() if passed else ():
            equals.done += passed * equals.speed
            self.used_s += passed * equals.share * len(equals.at_work)

    def _plan(self) -> None:
        """Speeds from now on, and when the next work ends."""
        there = [(weight, equals) for weight, equals in self.equals.items() if equals.at_work]
        self.plan += 1
        if not there:
            return
        number = sum(self.others.values()) + sum(len(equals.at_work) for _, equals in there)
        if number <= self.cores:
            shares = dict.fromkeys(self.equals, 1.0)
        else:
            wanting = {weight: float(len(equals.at_work)) for weight, equals in there}
            for weight, count in self.others.items():
                wanting[weight] = wanting.get(weight, 0.0) + count
            shares = shared(self.cores, wanting)
        slower, first = self._slower(number), float("inf")
        for weight, equals in there:
            equals.share, equals.speed = shares[weight], shares[weight] / slower
            first = min(first, (equals.at_work[0][0] - equals.done) / equals.speed)
        self.clock.at(self.clock.now + max(0.0, first), partial(self._ends, self.plan))

    def _slower(self, number: float) -> float:
        """By how much whoever works is slowed down by those beside."""
        if self.crowding == 1.0 or self.cores <= 1 or number <= 1:
            return 1.0
        return 1.0 + (self.crowding - 1.0) * (min(self.cores, number) - 1.0) / (self.cores - 1.0)

    def _ends(self, plan: int) -> None:
        if plan != self.plan:
            return  # somebody came or went in between
        self._advance()
        ended: list[Signal] = []
        for equals in self.equals.values():
            while equals.at_work and equals.at_work[0][0] <= equals.done + NOTHING * (1.0 + equals.done):
                ended.append(heappop(equals.at_work)[2])
        self._plan()
        for signal in ended:
            signal.give()


def shared(cores: float, wanting: Mapping[float, float]) -> dict[float, float]:
    """Of a processor, for each process of a weight, by how many want one.

    Example: shared(2, {1024: 1, 110: 4}) == {1024: 1.0, 110: 0.25}
    """
    found: dict[float, float] = {}
    left, weights = cores, sum(weight * number for weight, number in wanting.items())
    for weight, number in sorted(wanting.items(), reverse=True):
        if number <= 0:
            continue
        found[weight] = min(1.0, left * weight / weights)
        left, weights = left - number * found[weight], weights - weight * number
    return found


class Process:
    """One thing at a time, in the order of asking."""

    def __init__(self, processors: Processors, weight: float = PLAIN) -> None:
        self.processors, self.weight = processors, weight
        self.line: deque[tuple[float, Signal]] = deque()
        self.is_busy, self.begun, self.done_s = False, 0.0, 0.0

    @property
    def busy_s(self) -> float:
        """Until now."""
        return self.done_s + (self.processors.clock.now - self.begun if self.is_busy else 0.0)

    def do(self, seconds: float) -> Signal:
        ended = Signal()
        self.line.append((seconds, ended))
        if not self.is_busy:
            self._next()
        return ended

    def _next(self) -> None:
        self.is_busy, self.begun = True, self.processors.clock.now
        seconds, ended = self.line.popleft()

        def over() -> None:
            self.done_s += self.processors.clock.now - self.begun
            self.is_busy = False
            if self.line:
                self._next()
            ended.give()

        self.processors.use(seconds, self.weight).then(over)
