"""A sign of life from work that takes long: a line every half minute, and none from what is quick.

patience = Patience(say)
for step in range(1000):
    ...
    patience.tell(lambda: f"step {step}")        says so when nothing was said for half a minute
"""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_S = 30.0


class Patience:
    """Says what it is given, and remembers when."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._last_s = say, time.monotonic()

    def say(self, line: str) -> None:
        self._say(line)
        self._last_s = time.monotonic()

    def tell(self, line: Callable[[], str]) -> None:
        if time.monotonic() - self._last_s >= EVERY_S:
            self.say(line())
