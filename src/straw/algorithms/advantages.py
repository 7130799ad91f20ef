"""Credit: what a reward was worth, beside what was expected.

    centred   r - mean                       rloo      r - mean of the others = centred G / (G - 1)
    zscore    (r - mean) / (std + eps)       against   r - a baseline that was there before
              std of the sample, over G - 1

Numbers from numbers: a loss and an engine come later. Rewards that are all equal teach nothing, and their
advantages are exactly 0, not float noise that a division by the std could blow up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def centred(rewards: Sequence[float]) -> list[float]:
    """Advantages against the group's own mean."""
    if _all_equal(rewards):
        return [0.0] * len(rewards)
    mean = math.fsum(rewards) / len(rewards)
    return [reward - mean for reward in rewards]


def rloo(rewards: Sequence[float]) -> list[float]:
    """Advantages against the mean of the others, so that no reward is subtracted from itself."""
    if _all_equal(rewards):
        return [0.0] * len(rewards)
    total = math.fsum(rewards)
    return [reward - (total - reward) / (len(rewards) - 1) for reward in rewards]


def zscore(rewards: Sequence[float], eps: float = 1e-4) -> list[float]:
    """Centred advantages in units of the sample's standard deviation, as in TRL: one hit of four is worth 1.5.

    Variance is what the G rewards leave over G - 1, not over G: torch.std's default.
    """
    advantages = centred(rewards)
    if _all_equal(rewards):
        return advantages
    std = math.sqrt(math.fsum(advantage**2 for advantage in advantages) / (len(advantages) - 1))
    return [advantage / (std + eps) for advantage in advantages]


def against_constant(rewards: Sequence[float], constant: float) -> list[float]:
    """Advantages against a fixed expectation: a unanimous group is taught too."""
    return [reward - constant for reward in rewards]


def against_ema(rewards: Sequence[float], baseline: float, decay: float) -> tuple[list[float], float]:
    """Advantages against a running mean, and the mean afterwards.

    The whole batch meets the mean as it stood before the batch, so no reward is
    subtracted from itself; the mean moves once a batch.
    """
    return against_constant(rewards, baseline), decay * baseline + (1 - decay) * math.fsum(rewards) / len(rewards)


def moved_by_each(rewards: Sequence[float], baseline: float, decay: float) -> float:
    """The running mean when each reply of a batch has moved it: it remembers some replies, not some batches."""
    for reward in rewards:
        baseline = decay * baseline + (1 - decay) * reward
    return baseline


def optimistic(rewards: Sequence[float], optimism: float, best: float = 1.0) -> list[float]:
    """Against (1 - optimism) mean + optimism best: a group that agrees on less than the best is pushed away.

    Plain centring gives such a group no gradient, and a policy can lock in on a near miss.
    """
    mean = math.fsum(rewards) / len(rewards)
    return against_constant(rewards, (1 - optimism) * mean + optimism * best)


def _all_equal(rewards: Sequence[float]) -> bool:
    return all(reward == rewards[0] for reward in rewards)
