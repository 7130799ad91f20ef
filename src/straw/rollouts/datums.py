"""Conversations as data for the engine: which token is trained is known from lengths.

prompt | reply 1, end | next user message | reply 2, end | ...
weight:  w  w  w        0 0 0 0             w  w  w
"""

from __future__ import annotations

from collections.abc import Sequence

from straw.types import Datum, End, Rollout

Tokens = tuple[int, ...]


def spans(rollout: Rollout) -> list[tuple[int, int]]:
    """Where each turn's reply lies behind the first prompt."""
    begin = len(rollout.turns[0].prompt)
    return [(len(turn.prompt) - begin, len(turn.prompt) - begin + len(turn.reply)) for turn in rollout.turns]


def tokens_behind_prompt(rollout: Rollout) -> Tokens:
    first, last = rollout.turns[0], rollout.turns[-1]
    return last.prompt[len(first.prompt) :] + last.reply


def token_weights(rollouts: Sequence[Rollout], weigh: str) -> list[float]:
    """What one reply token of each rollout weighs; see `algorithms.registry`."""
    counts = [sum(len(turn.reply) for turn in rollout.turns) for rollout in rollouts]
    if weigh == "rollout":
        return [1 / len(rollouts)] * len(rollouts)
    if weigh == "reply":
        return [1 / (len(rollouts) * max(count, 1)) for count in counts]
    if weigh == "token":
        return [1 / max(sum(counts), 1)] * len(rollouts)
    raise ValueError(f"unknown weighing {weigh!r}")


def weighed_data(rollouts: Sequence[Rollout], weigh: str) -> tuple[list[Rollout], list[Datum]]:
    """Those that count, and their data: what failed is in the batch, teaches nothing, and may have no turn at all."""
    pairs = zip(rollouts, token_weights(rollouts, weigh), strict=True)
    sound = [(one, weight) for one, weight in pairs if one.turns and one.end is not End.FAILED]
    return [one for one, _ in sound], [datum_of(one, weight) for one, weight in sound]


def datum_of(rollout: Rollout, weight: float, *, replayed: bool = False) -> Datum:
    """A replayed rollout carries no sampler log-probabilities: it counts as drawn just now."""
    tokens = tokens_behind_prompt(rollout)
    weights, advantages, logprobs = ([0.0] * len(tokens) for _ in range(3))
    for turn, (start, end), advantage in zip(rollout.turns, spans(rollout), rollout.advantages, strict=True):
        weights[start:end] = [weight] * (end - start)
        advantages[start:end] = [advantage] * (end - start)
        logprobs[start:end] = turn.logprobs
    return Datum(
        prompt=rollout.turns[0].prompt,
        tokens=tokens,
        weights=tuple(weights),
        advantages=tuple(advantages),
        logprobs=() if replayed else tuple(logprobs),
    )
