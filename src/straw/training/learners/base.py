"""What learns: from the rollouts of a step to updates, after which the sampler has the new weights.

policy gradient     advantages -> data -> updates             policy_gradient.py
supervised          reference replies -> data -> updates      supervised.py
soft targets        rewards -> a belief -> updates            soft_targets.py
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from straw.types import Metric, Rollout

Groups = Sequence[Sequence[Rollout]]


class Learner(Protocol):
    def learn(self, step: int, told: Groups, groups: Groups) -> dict[str, Metric]:
        """One step. `told`: as the channel paid them; `groups`: the same with all pay and their advantages."""
