"""A value head: what is yet to be paid, as a linear function of the last hidden state.

    v(h) = w h + b          descends the mean of (v - return)^2 / 2 by Adam; no gradient goes into the model beneath

And generalised advantage estimation (Schulman et al., arXiv 1506.02438), backwards over the tokens of a rollout:

    delta_t = r_t + gamma v_(t+1) - v_t          A_t = delta_t + gamma lambda A_(t+1)          return_t = A_t + v_t
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class ValueHead:
    """In float64. Before it has learned anything it expects of every state what `begin_at` says."""

    def __init__(self, rate: float) -> None:
        self.rate, self.updates = rate, 0
        self.weights, self.mean, self.square = (
            np.zeros(0) for _ in range(3)
        )  # the width is known with the first state

    def begin_at(self, value: float, width: int) -> None:
        self._grow(width)
        self.weights[-1] = value

    def values(self, states: Array) -> Array:
        """Of [tokens, width]."""
        self._grow(states.shape[1])
        return np.asarray(states @ self.weights[:-1] + self.weights[-1])

    def learn(self, states: Array, returns: Array) -> float:
        """One step of Adam on all tokens; returns the loss before it."""
        apart = self.values(states) - returns
        gradient = np.append(apart @ states, apart.sum()) / len(apart)
        self.updates += 1
        self.mean = BETA1 * self.mean + (1 - BETA1) * gradient
        self.square = BETA2 * self.square + (1 - BETA2) * gradient**2
        mean, square = self.mean / (1 - BETA1**self.updates), self.square / (1 - BETA2**self.updates)
        self.weights = self.weights - self.rate * mean / (np.sqrt(square) + EPS)
        return float((apart**2).mean() / 2)

    def _grow(self, width: int) -> None:
        if not len(self.weights):
            self.weights, self.mean, self.square = (np.zeros(width + 1) for _ in range(3))

    def state_dict(self) -> dict[str, Any]:
        parts = {"weights": self.weights, "mean": self.mean, "square": self.square}
        return {"updates": self.updates, **{name: part.tolist() for name, part in parts.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.updates = state["updates"]
        self.weights, self.mean, self.square = (np.array(state[name]) for name in ("weights", "mean", "square"))


def gae(rewards: Sequence[float], values: Sequence[float], gamma: float, decay: float) -> list[float]:
    """Advantages of the tokens of one rollout, which ends behind the last of them."""
    found, after, ahead = [0.0] * len(rewards), 0.0, 0.0
    for place in reversed(range(len(rewards))):
        delta = rewards[place] + gamma * ahead - values[place]
        after = delta + gamma * decay * after
        found[place], ahead = after, values[place]
    return found
