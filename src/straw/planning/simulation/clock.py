"""Time that jumps from one event to the next.

clock = Clock()
clock.begin(work(clock))        work yields signals, and goes on when they are given
clock.run()
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from heapq import heappop, heappush
from itertools import count

Act = Callable[[], None]


class Signal:
    """Something that will have happened."""

    __slots__ = ("acts", "is_given")

    def __init__(self) -> None:
        self.is_given, self.acts = False, list[Act]()

    def then(self, act: Act) -> None:
        if self.is_given:
            act()
        else:
            self.acts.append(act)

    def give(self) -> None:
        self.is_given, acts, self.acts = True, self.acts, []
        for act in acts:
            act()


Course = Generator[Signal, None, None]  # what somebody does, one wait after the other


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[tuple[float, int, Act]] = []
        self.order = count()  # of events at one moment
        self.is_over = False

    def at(self, moment: float, act: Act) -> None:
        heappush(self.waiting, (moment, next(self.order), act))

    def after(self, seconds: float) -> Signal:
        signal = Signal()
        self.at(self.now + seconds, signal.give)
        return signal

    def begin(self, course: Course) -> Signal:
        """Somebody begins now; the signal is given at the end."""
        ended = Signal()

        def go_on() -> None:
            for waited_for in course:
                if not waited_for.is_given:
                    waited_for.then(go_on)
                    return
            ended.give()

        self.at(self.now, go_on)
        return ended

    def run(self) -> None:
        """Until nothing is left to happen, or somebody says that it is over."""
        while self.waiting and not self.is_over:
            self.now, _, act = heappop(self.waiting)
            act()


def all_of(signals: Iterable[Signal]) -> Signal:
    """Given with the last of them."""
    there = [signal for signal in signals if not signal.is_given]
    every, left = Signal(), [len(there)]

    def one() -> None:
        left[0] -= 1
        if not left[0]:
            every.give()

    for signal in there:
        signal.then(one)
    if not there:
        every.give()
    return every
