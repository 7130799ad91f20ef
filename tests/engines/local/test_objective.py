"""The number of one micro-batch, by hand, and what is logged beside it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from straw.engines.base import Loss
from straw.engines.local.batches import Flat
from straw.engines.local.objective import objective

LOGPROBS, SAMPLER, REFERENCE = [-1.0, -2.0], [-1.5, float("nan")], [[-0.5], [-2.5]]


def found(**loss: Any) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Two rollouts of one token each; the second came without the sampler's log-probabilities."""
    weights, advantages = torch.tensor([0.25, 0.75]), torch.tensor([1.0, -2.0])
    nothing: Any = None
    flat = Flat(nothing, nothing, nothing, nothing, nothing, weights, advantages, torch.tensor(SAMPLER), [0, 1], [0, 0],
                [1.0, 1.0])  # fmt: skip
    logprobs = torch.tensor(LOGPROBS, requires_grad=True)
    entropy = -2 * logprobs
    total, logged = objective(flat, logprobs, entropy, Loss(**loss), REFERENCE if loss.get("kl_coef") else None)
    total.backward()
    assert logprobs.grad is not None
    return total.detach(), logprobs.grad, logged


def test_a_policy_gradient_weighs_by_ratio_and_logs_how_far_the_sampler_is() -> None:
    total, slope, logged = found(name="importance_sampling")
    ratio = torch.tensor(0.5).exp()
    assert slope.tolist() == pytest.approx([-0.25 * float(ratio), 0.75 * 2.0])
    assert float(total) == pytest.approx(-0.25 * float(ratio) + 0.75 * 2.0)
    assert {name: float(one) for name, one in logged.items()} == pytest.approx(
        {"loss": float(total), "weight": 1.0, "entropy": 0.25 * 2 + 0.75 * 4, "kl_sampler": 0.25 * -0.5}
    )


def test_entropy_is_subtracted_and_the_divergence_added_each_by_its_coefficient() -> None:
    plain, slope, _ = found(name="importance_sampling")
    total, with_entropy, _ = found(name="importance_sampling", entropy_coef=0.5)
    assert float(total - plain) == pytest.approx(-0.5 * 3.5)
    assert (with_entropy - slope).tolist() == pytest.approx([0.5 * 2 * 0.25, 0.5 * 2 * 0.75])
    total, _, logged = found(name="importance_sampling", kl_coef=0.1)
    k3 = torch.tensor([0.5, -0.5]).exp() - torch.tensor([0.5, -0.5]) - 1
    assert float(logged["kl"]) == pytest.approx(float((torch.tensor([0.25, 0.75]) * k3).sum()))
    assert float(total - plain) == pytest.approx(0.1 * float(logged["kl"]), rel=1e-5)
    _, _, by_ratio = found(name="importance_sampling", kl_coef=0.1, kl_by_ratio=True)
    moved = torch.tensor([0.5, 0.0]).exp()
    assert float(by_ratio["kl"]) == pytest.approx(float((torch.tensor([0.25, 0.75]) * k3 * moved).sum()))


def test_what_is_logged_holds_no_graph() -> None:
    _, _, logged = found(name="importance_sampling", kl_coef=0.1, entropy_coef=0.1)
    assert not any(one.requires_grad for one in logged.values())
