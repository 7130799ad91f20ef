"""What the rollouts of a step look like, in numbers named as TRL names them where they are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import pstdev

from straw.measure.diversity import answers
from straw.runs.metrics import is_taken, mean_of
from straw.training.monitor.play_metrics import of_plays, of_sandbox
from straw.types import End, Metric, Rollout


def summary(groups: Sequence[Sequence[Rollout]]) -> dict[str, Metric]:
    """Each number is a mean over rollouts, or over groups."""
    rollouts = [rollout for group in groups for rollout in group]
    pays = [[one.reward for one in group if one.end is not End.FAILED] for group in groups]  # those that are compared
    paid = [{**one.rewards, **one.raw_rewards} for one in rollouts]  # by name, before weights, as TRL logs them
    names = dict.fromkeys(name for parts in paid for name in parts)
    rewards = {name: mean_of([parts[name] for parts in paid if name in parts]) for name in names}
    return {
        **logged(rollouts),
        "reward": mean_of([rollout.reward for rollout in rollouts]),
        "reward_std": mean_of([pstdev(some) for some in pays if some]),
        **{f"rewards/{name}/mean": metric for name, metric in rewards.items()},
        "hits": mean_of([all(rollout.grade.hits) for rollout in rollouts]),
        "format_errors": mean_of([not rollout.grade.well_formed for rollout in rollouts]),
        "completions/mean_length": mean_of([sum(len(turn.reply) for turn in rollout.turns) for rollout in rollouts]),
        "completions/clipped_ratio": mean_of([rollout.end.was_cut_short for rollout in rollouts]),
        "frac_reward_zero_std": mean_of([len(set(some)) <= 1 for some in pays]),
        "diversity/answers": mean_of(
            [answers([answer_of(one) for one in group]) for group in groups if len(group) > 1]
        ),
        "most_common_reply": mean_of([share_of_commonest(group) for group in groups if len(group) > 1]),
        "advantage_scale": mean_of([abs(advantage) for rollout in rollouts for advantage in rollout.advantages]),
        "groups_without_advantage": mean_of([not any(any(one.advantages) for one in group) for group in groups]),
        **of_plays(rollouts),
        **of_sandbox(len(rollouts)),
    }


def logged(rollouts: Sequence[Rollout]) -> dict[str, Metric]:
    """What reward functions logged, under their own names where these are not a run's."""
    names = dict.fromkeys(name for one in rollouts for name in one.metrics)
    return {
        f"logged/{name}" if is_taken(name) else name: mean_of(
            [one.metrics[name] for one in rollouts if name in one.metrics]
        )
        for name in names
    }


def share_of_commonest(group: Sequence[Rollout]) -> float:
    """How much of a group says the same."""
    return max(Counter(rollout.replies for rollout in group).values()) / len(group)


def answer_of(rollout: Rollout) -> str | int | tuple[str, ...]:
    """What a reply says: the answer that was read in it, or all of it where none was looked for."""
    read = rollout.grade.text if rollout.grade.text is not None else rollout.grade.answer
    return rollout.replies if read is None else read
