"""Losses: a scalar from log-probabilities, as token-level sums.

    cross_entropy          - w lp
    importance_sampling    - r w A                         r = exp(lp - q)
    ppo                    - min(r w A, clip(r) w A)       w >= 0
    gspo, cispo            in `rows/`, with their papers

    r   at most C with ratio_cap=C: a token counts min(r, C) times, and r itself is not pulled back (truncated
        importance sampling); where the sampler has other kernels than the trainer, r is not 1 on policy either
    lp  the trained policy's log-probability of the token that was written
    q   the sampler's, A the advantage, w the datum's weight

w A is one number, so whoever knows the product alone (a client of `engines.tenants`) gets the same bits.
Nothing is averaged here: `w` carries every normalisation, so a batch cut into micro-batches has the
same gradient. Entropy and KL are added by the engine, for every loss alike.

    kl_estimate   exp(d) - d - 1                           d = reference's lp - lp, the k3 estimator

In the mean over replies of the policy its value is KL(policy || reference). Its gradient is not: differentiated as it
stands, as in the GRPO paper, it is the gradient of KL(reference || policy) in the mean. Times r it is the gradient of
KL(policy || reference); TRL's use_bias_correction_kl.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from straw.registry import find


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """One flat array per quantity, a cell for every token behind a prompt. `owners` counts the rollouts, none of which
    is cut in two: whose token each is."""

    logprobs: Tensor
    sampler_logprobs: Tensor
    advantages: Tensor
    weights: Tensor
    owners: Sequence[int] | Tensor | None = None  # none: each token is a rollout of its own


def cross_entropy(batch: TokenBatch, settings: Mapping[str, float]) -> Tensor:
    return -(batch.weights * batch.logprobs).sum()


def ratios(batch: TokenBatch) -> Tensor:
    return torch.exp(batch.logprobs - batch.sampler_logprobs)


def truncated(batch: TokenBatch, settings: Mapping[str, float]) -> Tensor:
    """The ratio with a factor that is 1, to the bit, below the cap, and has no gradient above it."""
    ratio = ratios(batch)
    if not (cap := settings.get("ratio_cap")):
        return ratio
    return ratio * (cap / ratio.detach()).clamp_max(1.0)


def importance_sampling(batch: TokenBatch, settings: Mapping[str, float]) -> Tensor:
    return -(truncated(batch, settings) * (batch.weights * batch.advantages)).sum()


def ppo(batch: TokenBatch, settings: Mapping[str, float]) -> Tensor:
    ratio, pull = truncated(batch, settings), batch.weights * batch.advantages
    clipped = ratio.clamp(1 - settings["clip_low"], 1 + settings["clip_high"])
    return -torch.minimum(ratio * pull, clipped * pull).sum()


LossFunction = Callable[[TokenBatch, Mapping[str, float]], Tensor]


def loss_named(name: str) -> LossFunction:
    """From the table, or a function of yours: mine.py:f."""
    found: LossFunction = find("losses", name)
    return found


def kl_estimate(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Per token, never negative; its value, not its gradient, is unbiased under the policy."""
    d = reference - logprobs
    return torch.exp(d) - d - 1
