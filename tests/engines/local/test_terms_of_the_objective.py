"""What is minimised and what is logged, on three tokens that a person can follow."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, nan

import pytest
import torch

from straw.engines.base import Loss
from straw.engines.local.batches import Flat, flatten
from straw.engines.local.objective import objective
from straw.types import Datum

WEIGHTS, ADVANTAGES, SAMPLER = (0.5, 1.0, 2.0), (2.0, -1.0, 0.5), (-1.0, -2.0, -0.5)
LOGPROBS, ENTROPY = (-1.5, -1.0, -0.25), (1.0, 0.5, 0.25)
REFERENCE = [[-1.0, -3.0, -0.75]]


def flat(drawn: bool = True) -> Flat:
    datum = Datum(
        prompt=(1,), tokens=(5, 6, 7), weights=WEIGHTS, advantages=ADVANTAGES, logprobs=SAMPLER if drawn else ()
    )
    return flatten([datum], [[0]], torch.device("cpu"), every_token=False)


def measured(
    loss: Loss, reference: list[list[float]] | None = None, drawn: bool = True
) -> tuple[float, dict[str, float], list[float], list[float]]:
    """The total, the metrics, and the gradients by log-probabilities and entropies."""
    logprobs, entropy = torch.tensor(LOGPROBS, requires_grad=True), torch.tensor(ENTROPY, requires_grad=True)
    total, metrics = objective(flat(drawn), logprobs, entropy, loss, reference)
    d_logprobs, d_entropy = torch.autograd.grad(total, [logprobs, entropy], allow_unused=True)
    assert not any(value.requires_grad for value in metrics.values())
    pulled = [0.0] * 3 if d_entropy is None else d_entropy.tolist()
    return float(total.detach()), {name: float(value) for name, value in metrics.items()}, d_logprobs.tolist(), pulled


def test_cross_entropy_alone_is_minus_the_weighted_log_probabilities() -> None:
    total, metrics, d_logprobs, d_entropy = measured(Loss(name="cross_entropy"))
    assert total == metrics["loss"] == pytest.approx(0.75 + 1.0 + 0.5)
    assert metrics["weight"] == 3.5 and metrics["entropy"] == pytest.approx(0.5 + 0.5 + 0.5)
    assert metrics["kl_sampler"] == pytest.approx(0.5 * 0.5 + 1.0 * -1.0 + 2.0 * -0.25)  # sampler's minus ours
    assert "kl" not in metrics
    assert d_logprobs == [-0.5, -1.0, -2.0] and d_entropy == [0.0] * 3


def test_ratios_are_taken_to_the_sampler_and_without_one_they_are_one() -> None:
    _, metrics, d_logprobs, _ = measured(Loss(name="importance_sampling"))
    parts = [exp(lp - q) * w * a for lp, q, w, a in zip(LOGPROBS, SAMPLER, WEIGHTS, ADVANTAGES, strict=True)]
    assert metrics["loss"] == pytest.approx(-sum(parts)) and d_logprobs == pytest.approx([-part for part in parts])
    _, metrics, d_logprobs, _ = measured(Loss(name="importance_sampling"), drawn=False)
    assert metrics["loss"] == pytest.approx(-(1.0 - 1.0 + 1.0)) and d_logprobs == pytest.approx([-1.0, 1.0, -1.0])
    assert metrics["kl_sampler"] == 0.0


def test_one_token_without_a_sampler_s_number_is_on_policy_and_the_others_are_not() -> None:
    some = replace(flat(), sampler_logprobs=torch.tensor([-1.0, nan, -0.5]))
    total, metrics = objective(some, torch.tensor(LOGPROBS), torch.tensor(ENTROPY), Loss(name="cross_entropy"), None)
    assert float(metrics["kl_sampler"]) == pytest.approx(0.5 * 0.5 + 2.0 * -0.25) and float(total) == 2.25


def test_entropy_is_paid_for_and_is_no_part_of_the_loss_that_is_logged() -> None:
    total, metrics, d_logprobs, d_entropy = measured(Loss(name="cross_entropy", entropy_coef=0.1))
    assert metrics["loss"] == pytest.approx(2.25) and total == pytest.approx(2.25 - 0.1 * 1.5)
    assert d_logprobs == [-0.5, -1.0, -2.0] and d_entropy == pytest.approx([-0.05, -0.1, -0.2])


@pytest.mark.parametrize("by_ratio", [False, True])
def test_kl_to_the_reference_is_k3_of_each_token_and_may_count_by_its_ratio(by_ratio: bool) -> None:
    loss = Loss(name="cross_entropy", kl_coef=0.3, kl_by_ratio=by_ratio)
    total, metrics, d_logprobs, _ = measured(loss, REFERENCE)
    gaps = [theirs - mine for theirs, mine in zip(REFERENCE[0], LOGPROBS, strict=True)]
    each = [exp(d) - d - 1 for d in gaps]
    pulls = [1 - exp(d) for d in gaps]
    if by_ratio:
        ratios = [exp(mine - q) for mine, q in zip(LOGPROBS, SAMPLER, strict=True)]
        pulls = [r * (k + pull) for r, k, pull in zip(ratios, each, pulls, strict=True)]
        each = [r * k for r, k in zip(ratios, each, strict=True)]
    kl = sum(w * k for w, k in zip(WEIGHTS, each, strict=True))
    assert metrics["kl"] == pytest.approx(kl) and total == pytest.approx(2.25 + 0.3 * kl)
    assert d_logprobs == pytest.approx([-w + 0.3 * w * pull for w, pull in zip(WEIGHTS, pulls, strict=True)])


def test_the_reference_is_looked_up_by_whose_token_it_is() -> None:
    """Two replies to one prompt: tokens of one place stand together in the flat row."""
    data = [Datum(prompt=(1,), tokens=(5, 6), weights=(1.0, 1.0)), Datum(prompt=(1,), tokens=(7,), weights=(1.0,))]
    both = flatten(data, [[0, 1]], torch.device("cpu"), every_token=False)
    reference = [[log(0.5), log(0.25)], [log(0.125)]]
    logprobs = torch.tensor([reference[owner][place] for owner, place in zip(both.owner, both.position, strict=True)])
    assert both.owner == [0, 1, 0]
    _, metrics = objective(both, logprobs, torch.zeros(3), Loss(name="cross_entropy", kl_coef=1.0), reference)
    assert float(metrics["kl"]) == pytest.approx(0.0, abs=1e-7)
