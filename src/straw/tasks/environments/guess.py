"""A game for the recipe `guess_number`: find a number by a tool that says higher or lower.

    user       21-57-94
    assistant  say(57)
    user       higher 57-75-94
    assistant  say(94)
    user       lower 57-75-94           a wasted guess: it could not be right any more
    assistant  say(75)
    user       lower 57-66-75           ... found

The tool shows the ends of what is left and the middle between them, but not that the middle is the one to try. A guess
is paid when it could be right; three that could not end the game. So a policy that repeats what it was told wins one
game in twenty, and one that minds which of the numbers it repeats nearly all, in about six guesses.
"""

from __future__ import annotations

from random import Random
from typing import Any

LOW, HIGH, WASTED = (10, 30), (79, 99), 3


class Guess:
    """A number between two others, which are 49 to 89 apart."""

    turn_reward = 0.0  # for a guess that could be right
    solved = done = False

    def reset(self, seed: int | None = None, **row: Any) -> str:
        random = Random(seed)
        self.low, self.high, self.wasted = random.randint(*LOW), random.randint(*HIGH), 0
        self.secret = random.randint(self.low + 1, self.high - 1)
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
