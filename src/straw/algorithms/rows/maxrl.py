"""MaxRL: maximum likelihood reinforcement learning (Tajwar et al., arXiv 2602.02710).

    A = (r - m) / m         m the group's mean reward; nothing where nobody was paid

The log-likelihood of being right, log p, is minus the sum over k of fail@k / k. A policy gradient climbs its first term
alone, p; this climbs as many as a group has members, so that hard problems weigh 1 / p. With rewards of 0 and 1 it is
the mean score of those that were right, less the mean score of all.

Where nobody is right the paper's Algorithm 1 leaves the group out, score of all included. That costs one term: a group
of G climbs, in the mean, exactly the first G - 1 (`tests/algorithms/rows/test_maxrl.py` enumerates it).

As in the paper: the whole reply's log-probability, no clip, no KL penalty. Rewards are shares of 1, so they may not be
negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from straw.algorithms.advantages import centred
from straw.algorithms.row import Algorithm
from straw.errors import ConfigError


def by_mean(rewards: Sequence[float]) -> list[float]:
    """One hit of four is worth 3, and each miss beside it -1."""
    if (least := min(rewards, default=0.0)) < 0:
        raise ConfigError(
            f"baseline=maxrl divides by the mean reward, so no reward is below 0; got {least:g}. Write "
            "reward_type=binary, or another algorithm."
        )
    mean = math.fsum(rewards) / max(len(rewards), 1)
    return [one / mean for one in centred(rewards)] if mean else [0.0] * len(rewards)


ROW = Algorithm(baseline="maxrl")
