"""A game for the recipe `guess_number`: find a number, digit by digit, by a tool that says higher or lower.

    user       2-5-9                    its first digit lies between 2 and 9
    assistant  say(5)
    user       higher 5-7-9
    assistant  say(9)
    user       lower 5-7-9              a wasted guess: it could not be right
    assistant  say(7)
    user       right 0-4-8              the next digit; twenty guesses in all, and five that are wasted lose

The tool shows the ends of what is left and the middle between them, but not that the middle is the one to try. A guess
is paid by how evenly it parts what is left, 1 in the middle, 0 at the ends and beyond:

    pay = min(guess - low, high - guess) / half of high - low, at least 0

So a policy that repeats any of the three numbers wins one game in ten, and one that minds which nearly all. Between
which ends a digit lies at first is drawn, so that narrow intervals come as often as wide ones, in a warm-up too: where
all games began alike, a small model learned a few intervals by heart and read none.
"""

from __future__ import annotations

from random import Random
from typing import Any

DIGITS, LEAST, MOST, WASTED = 3, 0, 10, 5


class Guess:
    """A number of three digits, none of them 0."""

    turn_reward = 0.0
    solved = done = False
    low, right, high = LEAST, LEAST, MOST  # the digit that is asked for, between its ends

    def reset(self, seed: int | None = None, **row: Any) -> str:
        random = Random(seed)
        self.missing = [drawn(random) for _ in range(DIGITS)]
        self.wasted, self.solved, self.done = 0, False, False
        return self._next()

    def say(self, digit: int) -> str:
        """Guess the next digit.

        Args:
            digit: A digit between those that you were told.
        """
        self.turn_reward = max(0.0, min(digit - self.low, self.high - digit) / ((self.high - self.low) // 2))
        self.wasted += not self.low < digit < self.high
        self.solved = digit == self.right and not self.missing
        self.done = self.solved or self.wasted == WASTED
        if self.solved:
            return "found"
        if digit == self.right:
            return f"right {self._next()}"
        if digit < self.right:
            self.low = max(self.low, digit)
            return f"higher {self._left()}"
        self.high = min(self.high, digit)
        return f"lower {self._left()}"

    def _next(self) -> str:
        (self.low, self.right, self.high), *self.missing = self.missing
        return self._left()

    def _left(self) -> str:
        """The ends of what is left, and the middle between them."""
        return f"{self.low}-{(self.low + self.high) // 2}-{self.high}"


def drawn(random: Random) -> tuple[int, int, int]:
    """A digit and two ends around it: any ends with some digit between them, any digit between those."""
    ends = [(low, high) for low in range(LEAST, MOST + 1) for high in range(low + 2, MOST + 1)]
    low, high = random.choice(ends)
    return low, random.randint(low + 1, high - 1), high
