"""One step's arithmetic: rollouts to advantages to data. No engine is touched here.

rewards -> credit -> advantages, bonuses added -> data for the engine, replayed rollouts included
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.engines.base import Loss
from straw.rollouts.datums import datum_of, spans, token_weights
from straw.types import Datum, End, Rollout


def credited(groups: Sequence[Sequence[Rollout]], credit: Credit) -> list[list[Rollout]]:
    """Every turn gets an advantage: its own where turns are paid one by one, else the rollout's.

    Groups of one are compared with each other. One whose environment failed is compared with nobody.
    """
    if any(rollout.end is End.FAILED for group in groups for rollout in group):
        return among_the_paid(groups, credit)
    if len(groups) > 1 and all(len(group) == 1 for group in groups):
        (whole,) = compared([[rollout for group in groups for rollout in group]], credit)
        return [[rollout] for rollout in whole]
    return compared(groups, credit)


def compared(groups: Sequence[Sequence[Rollout]], credit: Credit) -> list[list[Rollout]]:
    """Within each group."""
    per_turn = groups[0][0].turn_rewards is not None
    if not per_turn:
        found = credit.advantages([[rollout.reward for rollout in group] for group in groups])
        return [
            [replace(rollout, advantages=(a,) * len(rollout.turns)) for rollout, a in zip(group, row, strict=True)]
            for group, row in zip(groups, found, strict=True)
        ]
    return credited_by_turn(groups, credit)


def credited_by_turn(groups: Sequence[Sequence[Rollout]], credit: Credit) -> list[list[Rollout]]:
    """All turns in one batch, since a running mean moves behind it. A turn that never came was paid nothing.

    An environment ends episodes, so there a turn is compared with those alone that came as far.
    """
    places = [
        (number, turn)
        for number, group in enumerate(groups)
        for turn in range(max(len(rollout.turns) for rollout in group))
    ]
    compared = [
        [place for place, one in enumerate(groups[number]) if one.play is None or turn < len(one.turns)]
        for number, turn in places
    ]
    rewards = [
        [paid(groups[number][place], turn) for place in members]
        for (number, turn), members in zip(places, compared, strict=True)
    ]
    own: dict[tuple[int, int], list[float]] = {}  # by group and place in it
    for (number, turn), members, row in zip(places, compared, credit.advantages(rewards), strict=True):
        for place, advantage in zip(members, row, strict=True):
            if turn < len(groups[number][place].turns):
                own.setdefault((number, place), []).append(advantage)
    return [
        [replace(rollout, advantages=tuple(own.get((number, place), ()))) for place, rollout in enumerate(group)]
        for number, group in enumerate(groups)
    ]


def among_the_paid(groups: Sequence[Sequence[Rollout]], credit: Credit) -> list[list[Rollout]]:
    """As if those that failed were not there; they keep their places. Who is left alone by them is compared with nobody
    else: those of another group were asked another question.
    """
    sound = [[one for one in group if one.end is not End.FAILED] for group in groups]
    some = [group for group in sound if group]
    compare = credited if all(len(group) == 1 for group in groups) else compared
    done = iter(compare(some, credit) if some else [])
    rows = [iter(next(done)) if group else iter(()) for group in sound]
    return [
        [replace(one, advantages=(0.0,) * len(one.turns)) if one.end is End.FAILED else next(row) for one in group]
        for group, row in zip(groups, rows, strict=True)
    ]


def with_bonuses(groups: Sequence[Sequence[Rollout]]) -> list[list[Rollout]]:
    """What enters behind the credit: each rollout's own, on every turn."""
    return [[with_bonus(rollout, sum(rollout.bonuses.values())) for rollout in group] for group in groups]


def with_bonus(rollout: Rollout, bonus: float) -> Rollout:
    return replace(rollout, advantages=tuple(one + bonus for one in rollout.advantages)) if bonus else rollout


def without_advantages(group: Sequence[Rollout]) -> list[Rollout]:
    """A group that is not learned from."""
    return [replace(rollout, advantages=(0.0,) * len(rollout.turns)) for rollout in group]


def paid(rollout: Rollout, turn: int) -> float:
    """A turn that never came was paid nothing."""
    rewards = rollout.turn_rewards or ()
    return rewards[turn] if turn < len(rewards) else 0.0


def replayed(groups: Sequence[Sequence[Rollout]], replay: BestReplay) -> list[Rollout]:
    """The best kept rollouts of this batch's problems, with the advantage that they have over the batch."""
    batch: dict[str, list[Rollout]] = {}
    for rollout in (rollout for group in groups for rollout in group):
        batch.setdefault(rollout.problem.key, []).append(rollout)
    kept = [replace(best, advantages=surplus(best, batch[key])) for key in batch for best in replay.of(key)]
    return [best for best in kept if any(best.advantages)]


def surplus(best: Rollout, batch: Sequence[Rollout]) -> tuple[float, ...]:
    """What each turn was paid above the batch's mean, and 0 where it was not: a kept rollout is only ever imitated.

    Turns that are paid together share what the whole was paid above the mean.
    """
    if best.turn_rewards is None:
        return (above_mean(best.reward, [one.reward for one in batch]),) * len(best.turns)
    return tuple(above_mean(paid(best, turn), [paid(one, turn) for one in batch]) for turn in range(len(best.turns)))


def above_mean(reward: float, others: Sequence[float]) -> float:
    return max(0.0, reward - math.fsum(others) / len(others))


def weighed(extra: Sequence[Rollout], now: Sequence[Sequence[float]], cap: float) -> list[Rollout]:
    """Replayed rollouts by how much likelier they have become since, at most `cap`; `now` has nats of every token."""
    out = []
    for rollout, logprobs in zip(extra, now, strict=True):
        ratios = turn_ratios(rollout, logprobs, cap)
        weighted = tuple(ratio * one for ratio, one in zip(ratios, rollout.advantages, strict=True))
        out.append(replace(rollout, advantages=weighted))
    return out


def turn_ratios(rollout: Rollout, now: Sequence[float], cap: float) -> list[float]:
    """Of each turn: how much likelier all up to it has become; turns that are paid together have one ratio."""
    gains = [
        sum(now[first:last]) - sum(turn.logprobs)
        for turn, (first, last) in zip(rollout.turns, spans(rollout), strict=True)
    ]
    up_to = list(accumulate(gains)) if rollout.turn_rewards is not None else [sum(gains)] * len(gains)
    return [math.exp(min(gain, math.log(cap))) for gain in up_to]


def training_data(groups: Sequence[Sequence[Rollout]], extra: Sequence[Rollout], weigh: str, loss: Loss) -> list[Datum]:
    """Rollouts without any advantage are left out where they have no gradient: with neither entropy nor KL."""
    fresh = [rollout for group in groups for rollout in group]
    rollouts = [*fresh, *extra]
    data: list[Datum] = []
    for place, (rollout, weight) in enumerate(zip(rollouts, token_weights(rollouts, weigh), strict=True)):
        if any(rollout.advantages) or (loss.regularises and rollout.turns and rollout.end is not End.FAILED):
            data.append(datum_of(rollout, weight, replayed=place >= len(fresh)))
    if any(rollout.play is not None for rollout in fresh):
        data.sort(key=lambda datum: len(datum.tokens))  # episodes differ much, and those read together are padded
    return data
