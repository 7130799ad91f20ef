"""An environment of your own, as TRL's users write them: guess a number with tools, told higher or lower.

straw train examples/my_environment.toml task=env:examples/my_environment.py:Guess    from nothing
straw train env:examples/my_environment.py:Guess model=smollm2 max_turns=20           a real model

Nothing in it is straw's. `turn_reward`, `solved` and `done` are attributes that straw looks at and TRL does not.
"""

import random


class Guess:
    """A number between 10 and 99. Three guesses that cannot be right any more end the game."""

    turn_reward = 0.0  # for a guess that could be right
    solved = done = False

    def reset(self, seed=None, **row):
        self.secret = random.Random(seed).randint(11, 98)
        self.low, self.high, self.wasted = 10, 99, 0
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
        self.done = self.solved or self.wasted == 3
        if self.solved:
            return "found"
        if number < self.secret:
            self.low = max(self.low, number)
            return f"higher {self._marks()}"
        self.high = min(self.high, number)
        return f"lower {self._marks()}"

    def _marks(self):
        """The ends of what is left, and the middle between them."""
        return f"{self.low}-{(self.low + self.high) // 2}-{self.high}"
