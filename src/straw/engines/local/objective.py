"""What is minimised: the loss of a micro-batch, with what is said for entropy and against leaving the reference.

    loss  -  entropy_coef * entropy  +  kl_coef * k3        all sums over weighted tokens; k3 as in `algorithms.losses`

Sums, so that micro-batches change nothing; whoever logs divides by the weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from straw.algorithms.losses import TokenBatch, kl_estimate, loss_named, ratios
from straw.engines.base import Loss
from straw.engines.local.batches import Flat


def objective(
    flat: Flat, logprobs: Tensor, entropy: Tensor, loss: Loss, reference: Sequence[Sequence[float]] | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """A number with a gradient, and sums to log. `reference`: its log-probabilities, where a KL is wanted."""
    sampler = torch.where(flat.sampler_logprobs.isnan(), logprobs.detach(), flat.sampler_logprobs)
    batch = TokenBatch(logprobs, sampler, flat.advantages, flat.weights, flat.owner)
    total = loss_named(loss.name)(batch, loss.settings)
    metrics = {"loss": total.detach(), "weight": flat.weights.sum()}
    metrics["entropy"] = (flat.weights * entropy.detach()).sum()
    if loss.entropy_coef:
        total = total - loss.entropy_coef * (flat.weights * entropy).sum()
    if reference is not None:
        theirs = logprobs.new_tensor([reference[i][t] for i, t in zip(flat.owner, flat.position, strict=True)])
        per_token = kl_estimate(logprobs, theirs) * (ratios(batch) if loss.kl_by_ratio else 1.0)
        kl = (flat.weights * per_token).sum()
        metrics["kl"] = kl.detach()
        total = total + loss.kl_coef * kl
    metrics["kl_sampler"] = (flat.weights * (sampler - logprobs.detach())).sum()
    return total, metrics
