"""An environment of your own, as TRL's users write them: guess a number with tools, told higher or lower.

straw train examples/my_environment.toml task=env:examples/my_environment.py:Guess    from nothing
straw train env:examples/my_environment.py:Guess model=smollm2 max_turns=20           a real model

Nothing in it is straw's. `turn_reward`, `solved` and `done` are attributes that straw looks at and TRL does not. Behind
higher or lower stand the middle of what is lower than the guess and the middle of what is higher.
"""

import random

LOW, HIGH, WASTED = (10, 30), (79, 99), 2


class Guess:
    """A number between two others, which are 49 to 89 apart and not told."""

    turn_reward = 0.0  # for a guess that halves what is left
    solved = done = False

    def reset(self, seed=None, **row):
        chance = random.Random(seed)
        self.least, self.most = self.low, self.high = chance.randint(*LOW), chance.randint(*HIGH)
        self.secret, self.wasted = chance.randint(self.low + 1, self.high - 1), 0
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

    def _middles(self, number):
        """Of what is lower than the guess and of what is higher; a side that was left before is whole."""
        number = min(max(number, self.least), self.most)
        lower = middle(self.low if number > self.low else self.least, min(number, self.high))
        higher = middle(max(number, self.low), self.high if number < self.high else self.most)
        return f"{lower}-{higher}"


def middle(low, high):
    return (low + high) // 2
