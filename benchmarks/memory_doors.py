"""A world whose situations return, and that pays rarely: for `memory_test.py`.

    user       door c
    assistant  open(41)
    user       no
    assistant  open(17)
    user       open               paid 1; three wrong numbers are paid 0

Sixteen doors, each with a number of its own from 0 to 99 that nothing tells: by chance an episode is paid once in 33.
"""

from __future__ import annotations

from typing import Any


class Doors:
    """A row names its door and knows its number."""

    solved = done = False

    def reset(self, number: int = 0, **row: Any) -> None:
        self.number, self.solved, self.done = number, False, False

    def open(self, number: int) -> str:
        """Try a number.

        Args:
            number: From 0 to 99.
        """
        self.solved = self.done = number == self.number
        return "open" if self.solved else "no"

    def get_reward(self) -> float:
        return float(self.solved)
