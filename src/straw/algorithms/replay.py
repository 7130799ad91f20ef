"""Replay of the best: what paid most is trained on again, so that a lucky hit is not forgotten.

Per problem the `size` best distinct rollouts are kept, newest first among equals. A replayed
rollout counts as if the policy had just written it (its own ratio would stop the update exactly
where the memory is useful), so it is self-imitation, not an unbiased policy gradient. With replay_cap it
weighs as much as it has become likelier, min(cap, p / p then).
"""

from __future__ import annotations

from straw.types import Rollout


class BestReplay:
    def __init__(self, size: int) -> None:
        self.size = size
        self.best: dict[str, list[Rollout]] = {}

    def add(self, rollout: Rollout) -> None:
        """Equal replies are kept once; a rollout that pays no more than the kept ones may not enter."""
        if self.size == 0 or not rollout.turns:
            return
        kept = [old for old in self.best.get(rollout.problem.key, []) if old.replies != rollout.replies]
        kept.insert(0, rollout)
        kept.sort(key=lambda one: -one.reward)  # stable: the newest stays first among equals
        self.best[rollout.problem.key] = kept[: self.size]

    def of(self, problem_key: str) -> list[Rollout]:
        return self.best.get(problem_key, [])
