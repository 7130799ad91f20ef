"""Rows with a paper of their own, from rewards to a gradient: one step of the loop against the paper's formula.

As `test_objective`, whose replies, weights and forward passes these are: everything between rewards and the gradient is
straw's on one side, and on the other written here, in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.training.plain_objective import distributions
from tests.training.test_objective import Case, distance, found, policy, some_groups
from torch import Tensor

from straw.types import Rollout

Array = np.ndarray
WORDS = {  # with clips that these replies, whose sampler was 0.4 nats off at most, run into
    "maxrl": "",
    "dapo": "",
    "gspo": "clip_low=0.05 clip_high=0.1",
    "cispo": "clip_high=0.2",
    "reinforce_pp": "kl_coef=0",
    "reinforce_pp_baseline": "kl_coef=0",
}


def zscored(r: Array) -> Array:
    return (r - r.mean(1, keepdims=True)) / (r.std(1, ddof=1, keepdims=True) + 1e-4)


def by_mean(r: Array) -> Array:
    mean = r.mean(1, keepdims=True)
    return np.divide(r - mean, mean, out=np.zeros_like(r), where=mean != 0)


ADVANTAGES: dict[str, Callable[[Array], Array]] = {
    "maxrl": by_mean,
    "dapo": zscored,
    "gspo": zscored,
    "cispo": zscored,
    "reinforce_pp": lambda r: (r - r.mean()) / (r.std() + 1e-8),
    "reinforce_pp_baseline": lambda r: (r - r.mean(1, keepdims=True)) / ((r - r.mean(1, keepdims=True)).std() + 1e-8),
}


def gain(row: str, logp: Tensor, drawn: Tensor, a: float, num_tokens: int, num_replies: int) -> Tensor:
    """What one reply adds to the objective, with the paper's normalisation."""
    r = torch.exp(logp - drawn)
    if row == "maxrl":
        return (r * a).sum() / num_replies
    if row == "gspo":
        s = torch.exp((logp - drawn).mean())
        return torch.minimum(s * a, s.clamp(0.95, 1.1) * a) / num_replies
    if row == "cispo":
        return (r.detach().clamp(max=1.2) * a * logp).sum() / num_tokens
    high = 1.28 if row == "dapo" else 1.2
    return torch.minimum(r * a, r.clamp(0.8, high) * a).sum() / num_tokens


def expected(row: str, groups: list[list[Rollout]]) -> dict[str, Tensor]:
    model = policy()[1]
    model.zero_grad(set_to_none=True)
    worth = ADVANTAGES[row](np.array([[one.reward for one in group] for group in groups])).flatten()
    flat = [one for group in groups for one in group]
    num_tokens, total = sum(len(one.turns[0].reply) for one in flat), torch.zeros((), dtype=torch.float64)
    for one, a in zip(flat, worth, strict=True):
        (turn,) = one.turns
        logp = distributions(model, turn.prompt, turn.reply, 1.0).gather(1, torch.tensor(turn.reply)[:, None])[:, 0]
        drawn = torch.tensor(turn.logprobs, dtype=torch.float64)
        total = total - gain(row, logp, drawn, float(a), num_tokens, len(flat))
    total.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("row", WORDS)
@pytest.mark.parametrize("zeros", ["none", "half"])
def test_the_gradient_is_that_of_the_paper(row: str, zeros: str) -> None:
    """Micro-batches of 16 tokens cut the batch, and no reply of it."""
    case = Case("reinforce", None, None, 0.0, zeros, 1.0, 16, 1)
    ours = found(case, f"algorithm={row} {WORDS[row]}")
    assert distance(ours, expected(row, some_groups(zeros, 0.2, 1.0, 1))) < 1e-5
