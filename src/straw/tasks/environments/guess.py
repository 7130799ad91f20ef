"""A game for the recipe `guess_number`: find a number in twenty guesses, by a tool that says higher or lower.

    user       57
    assistant  say(57)
    user       higher 39-75
    assistant  say(39)
    user       higher 39-75             wasted: it could not be right any more
    assistant  say(75)
    user       lower 66-84              ... found

Behind the word stand two numbers: the middle of what is lower than the guess, and the middle of what is higher. Which
of them is meant, the game does not say. A guess is paid when it halves what is left, and two that could not be right
end the game. So a policy that repeats what it reads wins some games by luck, and one that minds the word wins all, in
about five guesses.
"""

from __future__ import annotations

from random import Random
from typing import Any

LOW, HIGH, WASTED = (10, 30), (79, 99), 2


class Guess:
    """A number between two others, which are 49 to 89 apart and not told."""

    turn_reward = 0.0  # for a guess that halves what is left
    solved = done = False

    def reset(self, seed: int | None = None, **row: Any) -> str:
        random = Random(seed)
        self.least, self.most = self.low, self.high = random.randint(*LOW), random.randint(*HIGH)
        self.secret, self.wasted = random.randint(self.low + 1, self.high - 1), 0
        self.solved = self.done = False
        return str(middle(self.low, self.high))

    def say(self, number: int) -> str:
        """Guess.

        Args:
            number: Your guess.
        """
        self.turn_reward = float(number == middle(self.low, self.high))
        self.wasted += not self.low < number < self.high
        self.solved = number == self.secret
        self.done = self.solved or self.wasted == WASTED
        if self.solved:
            return "found"
        around = self._middles(number)
        if number < self.secret:
            self.low = max(self.low, number)
            return f"higher {around}"
        self.high = min(self.high, number)
        return f"lower {around}"

    def _middles(self, number: int) -> str:
        """Of what is lower than the guess and of what is higher; a side that was left before is whole."""
        number = min(max(number, self.least), self.most)
        lower = middle(self.low if number > self.low else self.least, min(number, self.high))
        higher = middle(max(number, self.low), self.high if number < self.high else self.most)
        return f"{lower}-{higher}"


def middle(low: int, high: int) -> int:
    return (low + high) // 2
