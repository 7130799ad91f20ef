"""An environment of your own, as TRL's users write them: guess a number with a tool, told higher or lower.

straw train examples/my_environment.toml task=env:examples/my_environment.py:Guess    from nothing
straw train env:examples/my_environment.py:Guess model=smollm2 max_turns=20           a real model

Nothing in it is straw's. `turn_reward`, `solved` and `done` are attributes that straw looks at and TRL does not.
"""

import random


class Guess:
    """A number of three digits, digit by digit. Five guesses that could not be right end the game."""

    turn_reward = 0.0  # how evenly a guess parts what is left: 1 in the middle, 0 at the ends and beyond
    solved = done = False

    def reset(self, seed=None, **row):
        luck = random.Random(seed)
        ends = [(low, high) for low in range(11) for high in range(low + 2, 11)]
        drawn = [luck.choice(ends) for _ in range(3)]
        self.missing = [(low, luck.randint(low + 1, high - 1), high) for low, high in drawn]
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
        self.done = self.solved or self.wasted == 5
        if self.solved:
            return "found"
        if digit == self.right:
            return f"right {self._next()}"
        if digit < self.right:
            self.low = max(self.low, digit)
            return f"higher {self._left()}"
        self.high = min(self.high, digit)
        return f"lower {self._left()}"

    def _next(self):
        (self.low, self.right, self.high), *self.missing = self.missing
        return self._left()

    def _left(self):
        """The ends of what is left, and the middle between them."""
        return f"{self.low}-{(self.low + self.high) // 2}-{self.high}"
