"""The requests of one model, in the order of their numbers.

    put(8) put(9) put(7)        ->   nothing, nothing, then 7 8 9
    put(9) refuse(7) put(8)     ->   nothing, nothing, then 8 9: a refused request has used its number
    put(9), and 8 never comes   ->   after a time, 9 is given up: its sender lost 8 on the way

A client sends the chunks behind the first one first, and sends the next call when the one before is acknowledged, not
when it is done. A number whose body was lost on the way is never sent again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")
FARTHEST = 10_000  # ahead of the number that is next


@dataclass
class Line(Generic[Job]):
    """`next` is the lowest number that nobody has used."""

    next: int = 0
    early: dict[int, Job] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)  # refused, ahead of `next`
    gap_since: float | None = None

    def has(self, number: int) -> bool:
        return number < self.next or number in self.early or number in self.used

    def is_too_far(self, number: int) -> bool:
        return number > self.next + FARTHEST

    def put(self, number: int, job: Job, now: float) -> list[Job]:
        """Those whose turn it is now."""
        self.early[number] = job
        return self.advance(now)

    def use(self, numbers: Iterable[int], now: float) -> list[Job]:
        self.used.update(number for number in numbers if number >= self.next)
        return self.advance(now)

    def advance(self, now: float) -> list[Job]:
        ready = []
        while self.next in self.early or self.next in self.used:
            if (job := self.early.pop(self.next, None)) is not None:
                ready.append(job)
            self.used.discard(self.next)
            self.next += 1
        if ready or self.gap_since is None or not self.early:
            self.gap_since = now if self.early else None
        return ready

    def give_up(self, now: float, limit_s: float) -> list[Job]:
        """What waits behind a number that did not come in time: all of it, since what it builds on is incomplete."""
        if self.gap_since is None or now - self.gap_since < limit_s:
            return []
        lost = [self.early[number] for number in sorted(self.early)]
        self.next = max([self.next, *(number + 1 for number in (*self.early, *self.used))])
        self.early.clear()
        self.used.clear()
        self.gap_since = None
        return lost

    @property
    def is_idle(self) -> bool:
        return not self.early and not self.used
