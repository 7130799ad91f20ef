"""A game for the recipe `guess_number`: find a number by a tool that says higher or lower.

    user       10-99?
    assistant  say(48)
    user       higher 48-99
    assistant  say(70)
    user       lower 48-70        ... found

A guess is paid when it could be right, by what was said so far; five that could not end the game. So a policy that
guesses blindly wins a game in twenty, and one that minds what it was told nearly all.
"""

from __future__ import annotations

from random import Random
from typing import Any

LEAST, MOST, WASTED = 10, 99, 5


class Guess:
    """A number between 10 and 99."""

    turn_reward = 0.0  # for a guess that could be right
    solved = done = False

    def reset(self, seed: int | None = None, **row: Any) -> str:
        self.secret = Random(seed).randint(LEAST + 1, MOST - 1)
        self.low, self.high, self.wasted = LEAST, MOST, 0
        self.solved = self.done = False
        return f"{LEAST}-{MOST}?"

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
            return f"higher {self.low}-{self.high}"
        self.high = min(self.high, number)
        return f"lower {self.low}-{self.high}"
