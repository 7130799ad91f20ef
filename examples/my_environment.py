"""An environment of your own, as TRL's users write them: guess a number with tools, told higher or lower.

straw train examples/my_environment.toml                                        three minutes of one processor core
straw train env:examples/my_environment.py:Guess model=smollm2 max_turns=20     a real model

Nothing in it is straw's. `turn_reward`, `solved` and `done` are attributes that straw looks at and TRL does not.
"""

import math
import random


class Guess:
    """The number lies between 10 and 99."""

    turn_reward = 0.0  # bits of the number that a guess brought to light
    solved = done = False

    def reset(self, seed=None, **row):
        self.secret = random.Random(seed).randint(11, 98)
        self.low, self.high = 10, 99
        self.solved = self.done = False
        return "10-99?"

    def say(self, number: int) -> str:
        """Guess.

        Args:
            number: A number between those that you were told.
        """
        before = self.high - self.low - 1
        if number == self.secret:
            self.turn_reward, self.solved, self.done = math.log2(before), True, True
            return "found"
        is_lower = number < self.secret
        if is_lower:
            self.low = max(self.low, number)
        else:
            self.high = min(self.high, number)
        self.turn_reward = math.log2(before / (self.high - self.low - 1))
        return f"{'higher' if is_lower else 'lower'} {self.low}-{self.high}"
