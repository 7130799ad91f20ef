"""What happened in environments, in numbers: names are TRL's where it has them.

    tools/call_frequency     calls of a rollout                tools/failure_frequency   calls that brought an error
    tools/malformed          calls that could not be read      tools/most_common         the share of one tool
    environments/turns       turns of a rollout                environments/failed       rollouts that failed
    environments/solved      rollouts that were, where known   environments/seconds      its own time, a rollout
    sandbox/programs         that were run, a rollout          sandbox/seconds           that they took, a rollout

Failed rollouts count in every share: what is left out of a denominator looks like success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from straw.runs.metrics import mean_of
from straw.sandbox.programs import SPENT
from straw.types import Metric, Play, Rollout, ToolCall


def of_plays(rollouts: Sequence[Rollout]) -> dict[str, Metric]:
    """Nothing where there is no environment."""
    plays = [one.play for one in rollouts if one.play is not None]
    if not plays:
        return {}
    calls = [call for play in plays for call in play.calls]
    return {
        "tools/call_frequency": mean_of([len(play.calls) for play in plays]),
        "tools/failure_frequency": mean_of([call.status != "answered" for call in calls]),
        "tools/malformed": mean_of([call.status == "malformed" for call in calls]),
        "tools/most_common": share_of_one(plays, calls),
        "environments/turns": mean_of([len(one.turns) for one in rollouts if one.play is not None]),
        "environments/failed": mean_of([bool(play.reason) for play in plays]),
        "environments/solved": mean_of([play.solved is True for play in plays if knows_success(plays)]),
        "environments/seconds": mean_of([play.seconds for play in plays]),
    }


def knows_success(plays: Sequence[Play]) -> bool:
    return any(play.solved is not None for play in plays)


def share_of_one(plays: Sequence[Play], calls: Sequence[ToolCall]) -> Metric:
    """Of all calls those of the commonest tool, where there is more than one to choose from."""
    if not calls or max(len(play.tools) for play in plays) < 2:
        return Metric(0.0, 0)
    return Metric(max(Counter(call.name for call in calls).values()) / len(calls), len(calls))


def failures_of(rollouts: Sequence[Rollout]) -> dict[str, int]:
    """How many failed, by their reason."""
    return dict(Counter(one.play.reason for one in rollouts if one.play is not None and one.play.reason))


def of_sandbox(num_rollouts: int) -> dict[str, Metric]:
    """Since the last step, where programs were run at all; one that says nothing new is not run again."""
    seconds, programs = SPENT.taken()
    if not programs:
        return {}
    num_rollouts = max(num_rollouts, 1)
    return {
        "sandbox/programs": Metric(programs / num_rollouts, num_rollouts),
        "sandbox/seconds": Metric(seconds / num_rollouts, num_rollouts),
    }
