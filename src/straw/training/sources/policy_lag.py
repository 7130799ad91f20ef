"""How far behind rollouts are: versions between the weights that wrote them and those that learn from them."""

from __future__ import annotations

from collections.abc import Sequence

from straw.runs.metrics import mean_of
from straw.types import Metric, Rollout


def lag_of(groups: Sequence[Sequence[Rollout]], newest: int) -> Metric:
    """The mean over turns, each by the version that began it."""
    turns = [turn for group in groups for rollout in group for turn in rollout.turns]
    return mean_of([newest - turn.policy_version for turn in turns])
