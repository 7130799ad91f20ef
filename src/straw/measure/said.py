"""What a run answered of late, for a measurement that cannot ask for every answer there is.

    said.add(task, rollouts)        said["secret-0"]  ->  [57, 46, 3]        the newest first, each once

A policy that is locked in says the same few answers again and again, and nearly all of its mass lies there: a sample of
a thousand answers in a million would miss it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from straw.tasks.base import Enumerable
from straw.types import Rollout

KEPT = 64  # different answers to a problem


class Said:
    """A part of the run's state; empty where all answers are asked for."""

    def __init__(self) -> None:
        self.newest: dict[str, list[int]] = {}

    def add(self, task: Enumerable, rollouts: Iterable[Rollout]) -> None:
        for rollout in rollouts:
            index = task.index_of(rollout.replies)
            if index is not None:
                before = self.newest.get(rollout.problem.key, [])
                self.newest[rollout.problem.key] = [index, *(one for one in before if one != index)][:KEPT]

    def state_dict(self) -> dict[str, list[int]]:
        return self.newest

    def load_state_dict(self, state: Mapping[str, Sequence[int]]) -> None:
        self.newest = {problem: [*indices] for problem, indices in state.items()}
