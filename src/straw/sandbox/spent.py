"""How long programs took: seconds of this process's waiting, until somebody asks.

with SPENT: ...
SPENT.taken()  ->  (1.25, 3)       seconds and how often, since it was asked last
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Self


@dataclass(slots=True)
class Spent:
    seconds: float = 0.0
    times: int = 0
    lock: Lock = field(default_factory=Lock)
    began: local = field(default_factory=local)

    def __enter__(self) -> Self:
        self.began.at = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        took = time.monotonic() - self.began.at
        with self.lock:
            self.seconds, self.times = self.seconds + took, self.times + 1

    def taken(self) -> tuple[float, int]:
        with self.lock:
            found = self.seconds, self.times
            self.seconds, self.times = 0.0, 0
            return found
