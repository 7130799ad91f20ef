"""How often each problem is answered right, by a running estimate, and problems drawn near one half.

    p  <-  decay p + (1 - decay) share of the group that was right          1/2 before the first group
    a problem is drawn with weight  max(p (1 - p), 1/100)                   each at most once in a draw, while they last

p (1 - p) is the variance of right and wrong, which is what a group's advantages are made of. Nothing is ever dropped: a
problem that was always right or never is still drawn now and then, since the policy changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from straw.types import Metric, Rollout

UNKNOWN, LEAST = 0.5, 0.01


class PassRates:
    def __init__(self, decay: float = 0.7) -> None:
        self.decay = decay
        self.rates: dict[str, float] = {}  # by problem

    def observe(self, groups: Sequence[Sequence[Rollout]]) -> None:
        for group in groups:
            key = group[0].problem.key
            right = sum(all(one.grade.hits) for one in group) / len(group)
            self.rates[key] = self.decay * self.rates.get(key, UNKNOWN) + (1 - self.decay) * right

    def draw(self, keys: Sequence[str], count: int, random: Random) -> list[int]:
        """Places among the keys."""
        weights, found = [weight_of(self.rates.get(key, UNKNOWN)) for key in keys], list[int]()
        left = list(weights)
        while len(found) < count:
            if not any(left):
                left = list(weights)
            (place,) = random.choices(range(len(left)), left)
            found.append(place)
            left[place] = 0.0
        return found

    def metrics(self) -> dict[str, Metric]:
        if not self.rates:
            return {}
        return {
            "problems_seen": Metric(len(self.rates)),
            "pass_rate": Metric(math.fsum(self.rates.values()) / len(self.rates)),
        }

    def state_dict(self) -> dict[str, Any]:
        return {"rates": self.rates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rates = dict(state.get("rates", {}))


def weight_of(rate: float) -> float:
    return max(rate * (1 - rate), LEAST)
