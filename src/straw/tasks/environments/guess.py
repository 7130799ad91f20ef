"""A game for the recipe `guess_number`: find a number by a tool that says higher or lower.

    user       10-54-99
    assistant  say(54)
    user       higher 54-76-99
    assistant  say(99)
    user       lower 54-76-99           a wasted guess: it could not be right any more
    assistant  say(76)
    user       lower 54-65-76           ... found

The tool shows the ends of what is left and the middle between them, but not that the middle is the one to try. A guess
is paid when it could be right; three that could not end the game. So a policy that repeats what it was told wins one
game in twenty, and one that minds which of the numbers it repeats nearly all, in about six guesses.
"""

from __future__ import annotations

from random import Random
from typing import Any

LEAST, MOST, WASTED = 10, 99, 3


class Guess:
    """A number between 10 and 99."""

    turn_reward = 0.0  # for a guess that could be right
    solved = done = False

    def reset(self, seed: int | None = None, **row: Any) -> str:
        self.secret = Random(seed).randint(LEAST + 1, MOST - 1)
        self.low, self.high, self.wasted = LEAST, MOST, 0
        self.solved = self.done = False
        return self._marks()

    def say(self, number: int) -> str:
        """Guess.

        Args:
            number: A number between those that you were told.
        """
        could_be_right = self.low < number < self.high
        self.turn_reward, self.wasted = float(could_be_right), self.wasted + (not could_be_right)
        self.solved = number == self.secret
        self.done = self.solved or self.wasted == WASTED
        if self.solved:
            return "found"
        if number < self.secret:
            self.low = max(self.low, number)
            return f"higher {self._marks()}"
        self.high = min(self.high, number)
        return f"lower {self._marks()}"

    def _marks(self) -> str:
        """The ends of what is left, and the middle between them."""
        return f"{self.low}-{(self.low + self.high) // 2}-{self.high}"
