"""What a run answered of late, for a measurement that cannot ask for every answer there is.

    said.add(task, rollouts)        said.of_late("secret-0", target, 64)  ->  [57, 46, 3]        the newest first

A policy that is locked in says the same few answers again and again, and nearly all of its mass lies there: a sample of
a thousand answers in a million would miss it. What the start gave to each is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from straw.tasks.base import Enumerable
from straw.types import Rollout

KEPT = 64  # different answers to a problem
Nats = dict[int, float]


class Said:
    """A part of the run's state; empty where all answers are asked for."""

    def __init__(self) -> None:
        self.newest: dict[str, list[int]] = {}
        self.nats: dict[str, Nats] = {}  # under the start, of those that were asked for

    def add(self, task: Enumerable, rollouts: Iterable[Rollout]) -> None:
        for rollout in rollouts:
            index = task.index_of(rollout.replies)
            if index is not None:
                before = self.newest.get(rollout.problem.key, [])
                self.newest[rollout.problem.key] = [index, *(one for one in before if one != index)][:KEPT]

    def of_late(self, problem: str, target: int, most: int) -> list[int]:
        """The newest answers but the right one, which counts for itself anyway."""
        return [index for index in self.newest.get(problem, ()) if index != target][:most]

    def at_start(self, problem: str) -> Nats:
        return self.nats.get(problem, {})

    def keep(self, problem: str, nats: Mapping[int, float]) -> None:
        """New ones, and of the old ones those that were said of late."""
        newest = self.newest.get(problem, ())
        self.nats[problem] = {
            index: value for index, value in {**self.at_start(problem), **nats}.items() if index in newest
        }

    def state_dict(self) -> dict[str, Any]:
        nats = {problem: [*nats.items()] for problem, nats in self.nats.items()}
        return {"newest": self.newest, "nats": nats} if self.newest else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.newest = {problem: [*indices] for problem, indices in state.get("newest", {}).items()}
        self.nats = {
            problem: {index: nats for index, nats in pairs} for problem, pairs in state.get("nats", {}).items()
        }
