"""REINFORCE++: advantages scaled over the whole batch (Hu et al., arXiv 2501.03262).

    reinforce_pp            A = (r - mean of the batch) / std of the batch         one reply a problem, or several
    reinforce_pp_baseline   A = (r - m) / std of all r - m of the batch            m the group's mean

A standard deviation over a group of a few is biased, and blows up where a group nearly agrees; over the batch it is one
number for all. With ppo's clip, every token counting the same. The std is that of the population, as in OpenRLHF, which
weighs a reply by its tokens where we count replies.

The KL penalty is the paper's, in the mean: its second form has k2 in the loss, whose gradient is that of KL(policy ||
reference) token by token; so is that of our k3 times the importance ratio (use_bias_correction_kl=true). Its first form
takes the KL of all later tokens out of each token's reward; here the later ones are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from straw.algorithms.advantages import centred
from straw.algorithms.row import Algorithm
from straw.config.tuning import Values

Rows = Sequence[Sequence[float]]
EPS = 1e-8


def over_batch(groups: Rows) -> list[list[float]]:
    """Rewards 1, 0 | 0, 0 have mean 1/4 and deviation 0.43: the hit is worth 1.73, each miss -0.58."""
    flat = iter(centred([reward for group in groups for reward in group]))
    return scaled([[next(flat) for _ in group] for group in groups])


def centred_over_batch(groups: Rows) -> list[list[float]]:
    """A group that agrees has 0, and takes part in the scale."""
    return scaled([centred(group) for group in groups])


def scaled(rows: Rows) -> list[list[float]]:
    """By the deviation of all together, whose mean is 0."""
    flat = [one for row in rows for one in row]
    std = math.sqrt(math.fsum(one**2 for one in flat) / max(len(flat), 1))
    return [[one / (std + EPS) if one else 0.0 for one in row] for row in rows]


KL: Values = {"use_bias_correction_kl": True}
ROW = Algorithm(baseline="batch_zscore", loss_fn="ppo", weigh="token", kl_coef=0.01, also=KL)
WITH_BASELINE = Algorithm(baseline="centred_batch", loss_fn="ppo", weigh="token", kl_coef=0.01, also=KL)
