"""GSPO: group sequence policy optimisation (Zheng et al., arXiv 2507.18071).

    maximise   1/G sum over replies of   min(s A, clip(s) A)        s = (p(reply) / p_sampler(reply)) ^ (1 / T)

The importance ratio is that of the whole reply, to the power of one over its length, so a reply is clipped as a whole
or not at all. A is grpo's. The paper clips at 1 - 3e-4 and 1 + 4e-4, and has no KL penalty.

Written token by token, as the paper's GSPO-token: each token has the value of s and the gradient of its own
log-probability, which adds up to the same. A reply of several turns has one ratio over all of them. Ratios leave 1 only
where rollouts are older than the weights: with updates_per_batch above 1, or max_lag above 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from straw.algorithms.row import Algorithm

if TYPE_CHECKING:
    from torch import Tensor

    from straw.algorithms.losses import TokenBatch


def gspo(batch: TokenBatch, settings: Mapping[str, float]) -> Tensor:
    ratio = sequence_ratios(batch) * (batch.logprobs - batch.logprobs.detach()).exp()  # its value, each token's slope
    pull = batch.weights * batch.advantages
    clipped = ratio.clamp(1 - settings["clip_low"], 1 + settings["clip_high"])
    return -(ratio * pull).minimum(clipped * pull).sum()


def sequence_ratios(batch: TokenBatch) -> Tensor:
    """Of each token that of its rollout, over the tokens that train."""
    apart, trains = batch.logprobs.detach() - batch.sampler_logprobs, (batch.weights != 0).to(batch.logprobs.dtype)
    if batch.owners is None:
        return apart.exp()
    import torch  # not for those who only look a name up

    owners = torch.as_tensor(batch.owners, dtype=torch.long, device=apart.device)
    size = int(owners.max()) + 1 if len(owners) else 0
    total, count = (apart.new_zeros(size).index_add(0, owners, one) for one in (apart * trains, trains))
    return (total / count.clamp(min=1)).exp()[owners]


ROW = Algorithm(baseline="zscore", loss_fn="gspo", weigh="reply", also={"clip_low": 3e-4, "clip_high": 4e-4})
