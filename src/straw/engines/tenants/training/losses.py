"""The losses of the Tinker protocol, token by token and summed.

    cross_entropy          - w lp
    importance_sampling    - r A                                       r = exp(lp - q)
    ppo                    - min(r A, clip(r) A)                       clip: to [low, high], bounds of the ratio
    cispo                  - sg(clip(r)) A lp                          sg: no gradient
    dro                    - (lp A - beta / 2 (lp - q)^2)
    gspo                   - min(s A, clip(s) A)                       s = exp(mean of lp - q over a datum's mask)

    lp  the log-probability of the target, q the sampler's, A the advantage

Nothing is averaged, and no weights but those of cross_entropy: they are in A. Where A and q are both 0 nothing was
drawn, and no loss but dro has a gradient; dro's formula has one for every token, those of a prompt included. The value
of gspo's s is one for a whole datum, and its gradient goes through each token's own lp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

LOW, HIGH = "clip_low_threshold", "clip_high_threshold"


@dataclass(frozen=True, slots=True)
class Cells:
    """One flat array per quantity, a cell for every target that trains; `low` and `high` as the settings have them
    unless a datum has its own. `owner` counts the data."""

    weights: Tensor
    advantages: Tensor
    sampler_logprobs: Tensor
    low: Tensor
    high: Tensor
    mask: Tensor
    owner: Tensor


Function = Callable[[Tensor, Cells, Mapping[str, float]], Tensor]  # [n] log-probabilities -> [n]


@dataclass(frozen=True, slots=True)
class Loss:
    """What it computes, which inputs it must have and may have beside target_tokens, and its settings' defaults."""

    function: Function
    needs: tuple[str, ...]
    may_have: tuple[str, ...] = ()
    settings: Mapping[str, float | None] = field(default_factory=dict)


def cross_entropy(logprobs: Tensor, cells: Cells, settings: Mapping[str, float]) -> Tensor:
    return -(cells.weights * logprobs)


def ratios(logprobs: Tensor, cells: Cells) -> Tensor:
    return torch.exp(logprobs - cells.sampler_logprobs)


def importance_sampling(logprobs: Tensor, cells: Cells, settings: Mapping[str, float]) -> Tensor:
    return -(ratios(logprobs, cells) * cells.advantages)


def clipped(ratio: Tensor, cells: Cells) -> Tensor:
    return -torch.minimum(ratio * cells.advantages, ratio.clamp(cells.low, cells.high) * cells.advantages)


def ppo(logprobs: Tensor, cells: Cells, settings: Mapping[str, float]) -> Tensor:
    return clipped(ratios(logprobs, cells), cells)


def cispo(logprobs: Tensor, cells: Cells, settings: Mapping[str, float]) -> Tensor:
    share = ratios(logprobs.detach(), cells).clamp(cells.low, cells.high)
    return -(share * cells.advantages * logprobs)


def dro(logprobs: Tensor, cells: Cells, settings: Mapping[str, float]) -> Tensor:
    apart = (logprobs - cells.sampler_logprobs).square()
    return -(logprobs * cells.advantages - 0.5 * settings["beta"] * apart)


def gspo(logprobs: Tensor, cells: Cells, settings: Mapping[str, float]) -> Tensor:
    size = int(cells.owner.max()) + 1
    apart = (logprobs.detach() - cells.sampler_logprobs) * cells.mask
    total, count = (apart.new_zeros(size).index_add_(0, cells.owner, x) for x in (apart, cells.mask))
    ratio = torch.exp(total / count.clamp_min(1.0))[cells.owner]
    return clipped(ratio * torch.exp(logprobs - logprobs.detach()), cells)


DRAWN = ("logprobs", "advantages")
LOSSES = {
    "cross_entropy": Loss(cross_entropy, (), ("weights",), {}),
    "importance_sampling": Loss(importance_sampling, DRAWN, (), {}),
    "ppo": Loss(ppo, DRAWN, (LOW, HIGH), {LOW: 0.8, HIGH: 1.2}),
    "cispo": Loss(cispo, DRAWN, (LOW, HIGH), {LOW: 0.0, HIGH: 4.0}),
    "dro": Loss(dro, DRAWN, (), {"beta": None}),  # none: it has to be given
    "gspo": Loss(gspo, DRAWN, (LOW, HIGH, "sequence_ratio_mask"), {LOW: 0.8, HIGH: 1.2}),
}
