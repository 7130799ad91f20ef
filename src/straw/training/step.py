"""One step's arithmetic: rollouts to advantages to data. No engine is touched here.

rewards -> credit -> advantages, bonuses added -> data for the engine, replayed rollouts included
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from straw.algorithms.named import Credit
from straw.algorithms.replay import BestReplay
from straw.rollouts.datums import datum_of, spans, token_weights
from straw.types import Datum, Rollout


def credited(groups: Sequence[Sequence[Rollout]], credit: Credit) -> list[list[Rollout]]:
    """Every turn gets an advantage: its own where turns are paid one by one, else the attempt's.

    Groups of one are compared with each other.
    """
    if len(groups) > 1 and all(len(group) == 1 for group in groups):
        (whole,) = credited([[rollout for group in groups for rollout in group]], credit)
        return [[rollout] for rollout in whole]
    per_turn = groups[0][0].turn_rewards is not None
    if not per_turn:
        found = credit.advantages([[rollout.reward for rollout in group] for group in groups])
        return [
            [replace(rollout, advantages=(a,) * len(rollout.turns)) for rollout, a in zip(group, row, strict=True)]
            for group, row in zip(groups, found, strict=True)
        ]
    num_turns = max(len(rollout.turns) for group in groups for rollout in group)
    rewards = [[paid(rollout, turn) for rollout in group] for group in groups for turn in range(num_turns)]
    found = credit.advantages(rewards)  # in one batch: a running mean moves after all turns
    by_group = [zip(*found[at : at + num_turns], strict=True) for at in range(0, len(found), num_turns)]
    return [
        [replace(rollout, advantages=row[: len(rollout.turns)]) for rollout, row in zip(group, rows, strict=True)]
        for group, rows in zip(groups, by_group, strict=True)
    ]


def with_bonuses(groups: Sequence[Sequence[Rollout]]) -> list[list[Rollout]]:
    """What enters behind the credit: each attempt's own, on every turn."""
    return [[with_bonus(rollout, sum(rollout.bonuses.values())) for rollout in group] for group in groups]


def with_bonus(rollout: Rollout, bonus: float) -> Rollout:
    return replace(rollout, advantages=tuple(one + bonus for one in rollout.advantages)) if bonus else rollout


def paid(rollout: Rollout, turn: int) -> float:
    """A turn that never came was paid nothing."""
    rewards = rollout.turn_rewards or ()
    return rewards[turn] if turn < len(rewards) else 0.0


def replayed(groups: Sequence[Sequence[Rollout]], replay: BestReplay) -> list[Rollout]:
    """The best kept rollouts of this batch's problems, where they beat what the batch earned.

    Their advantage is over the batch's mean, so a policy that has learned them is left in peace.
    """
    earned: dict[str, list[float]] = {}
    for rollout in (rollout for group in groups for rollout in group):
        earned.setdefault(rollout.problem.key, []).append(rollout.reward)
    out = []
    for key, rewards in earned.items():
        mean = sum(rewards) / len(rewards)
        for best in replay.of(key):
            if best.reward > mean:
                out.append(replace(best, advantages=(best.reward - mean,) * len(best.turns)))
    return out


def weighed(extra: Sequence[Rollout], now: Sequence[Sequence[float]], cap: float) -> list[Rollout]:
    """Replayed rollouts by how much likelier they have become since, at most `cap`; `now` has nats of every token."""
    out = []
    for rollout, logprobs in zip(extra, now, strict=True):
        then = sum(sum(turn.logprobs) for turn in rollout.turns)
        spoken = sum(sum(logprobs[first:last]) for first, last in spans(rollout))
        ratio = math.exp(min(spoken - then, math.log(cap)))
        out.append(replace(rollout, advantages=tuple(ratio * one for one in rollout.advantages)))
    return out


def training_data(
    groups: Sequence[Sequence[Rollout]], extra: Sequence[Rollout], weigh: str, entropy_coef: float
) -> list[Datum]:
    """Rollouts without any advantage are left out: with neither entropy nor KL they have no gradient."""
    fresh = [rollout for group in groups for rollout in group]
    rollouts = [*fresh, *extra]
    data = []
    for place, (rollout, weight) in enumerate(zip(rollouts, token_weights(rollouts, weigh), strict=True)):
        if any(rollout.advantages) or entropy_coef:
            data.append(datum_of(rollout, weight, replayed=place >= len(fresh)))
    return data
