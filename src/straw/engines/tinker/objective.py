"""What the wire has no loss for, worked out here from log-probabilities: `forward_backward_custom`.

    loss + kl_coef * k3 to the reference           the formulas of `algorithms.losses`, with their gradients by torch

The SDK asks for log-probabilities, hands them to a function, and sends the gradient back as weights of cross_entropy:
one more forward pass on the service. So any loss of a page runs there, and the KL penalty with each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from straw.algorithms.losses import TokenBatch, kl_estimate, loss_named, ratios
from straw.engines.base import Loss
from straw.engines.tinker.data import Row
from straw.types import Datum

Sums = dict[str, float]
Given = Callable[[Any, list[Tensor]], tuple[Tensor, dict[str, float]]]


def custom_loss(
    data: Sequence[Datum], rows: Sequence[Row], loss: Loss, reference: Sequence[Sequence[float]] | None, sums: Sums
) -> Given:
    """For the SDK; `sums` gets what a row of metrics says of it. `reference`: its log-probabilities behind prompts."""

    def total(_: Any, logprobs: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
        mine = torch.cat([one[row.begin :] for one, row in zip(logprobs, rows, strict=True)])
        batch = batch_of(data, mine)
        value = loss_named(loss.name)(batch, loss.settings)
        sums["loss"] = float(value.detach())
        if reference is not None:
            theirs = mine.new_tensor([nats for row in reference for nats in row])
            theirs = torch.where(batch.weights != 0, theirs, mine.detach())  # places that nobody trains may be anything
            per_token = kl_estimate(mine, theirs) * (ratios(batch) if loss.kl_by_ratio else 1.0)
            kl = (batch.weights * per_token).sum()
            sums["kl"] = float(kl.detach())
            value = value + loss.kl_coef * kl
        return value, {}

    return total


def batch_of(data: Sequence[Datum], logprobs: Tensor) -> TokenBatch:
    """A datum without the sampler's log-probabilities counts as drawn just now."""
    weights = logprobs.new_tensor([weight for datum in data for weight in datum.weights])
    advantages = [one for datum in data for one in datum.advantages or (0.0,) * len(datum.tokens)]
    drawn = logprobs.new_tensor([q for datum in data for q in datum.logprobs or (torch.nan,) * len(datum.tokens)])
    unweighted = (weights == 0) | drawn.isnan()
    owners = torch.tensor([number for number, datum in enumerate(data) for _ in datum.tokens], device=logprobs.device)
    return TokenBatch(
        logprobs, torch.where(unweighted, logprobs.detach(), drawn), logprobs.new_tensor(advantages), weights, owners
    )
