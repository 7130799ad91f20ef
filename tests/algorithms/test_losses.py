"""r is exp(logprob - sampler's), so ln 1/2 against ln 1/4 is a ratio of 2."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from straw.algorithms.losses import TokenBatch, kl_estimate, loss_named
from straw.errors import ConfigError
from straw.registry import names

CLIP = {"clip_low": 0.2, "clip_high": 0.3}


def tokens(ratios: list[float], advantages: list[float], weights: list[float]) -> TokenBatch:
    """Tokens of probability 1/2, which the sampler gave 1/2 / ratio."""
    logprobs = torch.full((len(ratios),), log(1 / 2), dtype=torch.float64, requires_grad=True)
    sampler = logprobs.detach() - torch.tensor(ratios, dtype=torch.float64).log()
    return TokenBatch(logprobs, sampler, torch.tensor(advantages), torch.tensor(weights))


def loss_and_slopes(name: str, batch: TokenBatch) -> tuple[float, list[float]]:
    loss = loss_named(name)(batch, CLIP)
    (slopes,) = torch.autograd.grad(loss, batch.logprobs)
    return float(loss.detach()), slopes.tolist()


def test_cross_entropy_is_the_weighted_surprise() -> None:
    loss, slopes = loss_and_slopes("cross_entropy", tokens([1, 2], [9, 9], [1, 0.5]))
    assert loss == pytest.approx(1.5 * log(2))
    assert slopes == [-1, -0.5]  # neither ratios nor advantages matter


def test_importance_sampling_weighs_advantages_by_the_ratio() -> None:
    loss, slopes = loss_and_slopes("importance_sampling", tokens([2, 1], [1, -2], [0.5, 1]))
    assert loss == pytest.approx(-(0.5 * 2 * 1 + 1 * 1 * -2))  # 1
    assert slopes == pytest.approx([-1, 2])  # - w r A


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "slope"),
    [
        (1.0, 1.0, 1.0, 1.0),
        (1.1, 1.0, 1.1, 1.1),  # inside the clip: as importance sampling
        (2.0, 1.0, 1.3, 0.0),  # likely enough already: no push beyond 1 + clip_high
        (0.5, 1.0, 0.5, 0.5),  # good and rarer than it was: always pulled back
        (0.5, -1.0, -0.8, 0.0),  # rare enough already: no push below 1 - clip_low
        (2.0, -1.0, -2.0, -2.0),  # bad and likelier than it was: always pulled back
    ],
)
def test_ppo_clips_what_has_gone_far_enough_and_nothing_else(
    ratio: float, advantage: float, objective: float, slope: float
) -> None:
    loss, slopes = loss_and_slopes("ppo", tokens([ratio], [advantage], [1.0]))
    assert loss == pytest.approx(-objective)
    assert slopes == pytest.approx([-slope])


@pytest.mark.parametrize("name", ["importance_sampling", "ppo"])
def test_fresh_replies_have_the_plain_policy_gradient(name: str) -> None:
    _, slopes = loss_and_slopes(name, tokens([1, 1, 1], [1.0, -0.5, 0.0], [0.25, 0.25, 0.25]))
    assert slopes == pytest.approx([-0.25, 0.125, 0])


@pytest.mark.parametrize("name", names("losses"))
def test_a_token_without_weight_has_no_gradient(name: Any) -> None:
    _, slopes = loss_and_slopes(name, tokens([1.1, 1.1], [1, 1], [0, 1]))
    assert slopes[0] == 0
    assert slopes[1] != 0


@pytest.mark.parametrize("name", names("losses"))
def test_a_batch_cut_in_two_has_the_same_loss(name: Any) -> None:
    whole, _ = loss_and_slopes(name, tokens([1, 2, 0.5], [1, 2, -1], [0.3, 0.2, 0.1]))
    left, _ = loss_and_slopes(name, tokens([1], [1], [0.3]))
    right, _ = loss_and_slopes(name, tokens([2, 0.5], [2, -1], [0.2, 0.1]))
    assert whole == pytest.approx(left + right)


def test_an_unknown_loss_names_its_neighbour() -> None:
    with pytest.raises(ConfigError, match="there is no loss_fn 'pppo': did you mean 'ppo'"):
        loss_named("pppo")


def test_the_kl_of_a_token_by_hand() -> None:
    one = kl_estimate(torch.tensor(log(1 / 2)), torch.tensor(log(1 / 4)))
    assert float(one) == pytest.approx(1 / 2 + log(2) - 1)  # r - ln r - 1 with r = 1/2


@given(st.floats(-20, 0), st.floats(-20, 0))
def test_the_kl_estimate_is_never_negative_and_zero_only_where_both_agree(ours: Any, theirs: Any) -> None:
    found = float(kl_estimate(torch.tensor(ours, dtype=torch.float64), torch.tensor(theirs, dtype=torch.float64)))
    assert found >= -1e-15
    if ours == theirs:
        assert found == 0
    if abs(ours - theirs) > 1e-3:
        assert found > 0


def test_in_the_mean_the_gradient_of_the_kl_estimate_is_that_of_the_other_divergence_unless_it_is_weighted() -> None:
    """Over all tokens of a small vocabulary, each as often as the policy writes it; p is free, q the reference."""
    logits = torch.tensor([0.3, -1.0, 0.8], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)

    def slope(value: torch.Tensor) -> list[float]:
        return torch.autograd.grad(value, logits, retain_graph=True)[0].tolist()

    logp = logits.log_softmax(0)
    often, k3 = logp.exp().detach(), kl_estimate(logp, q.log())
    ratio = torch.exp(logp - logp.detach())
    assert slope((often * k3).sum()) == pytest.approx(slope((q * (q.log() - logp)).sum()))
    assert slope((often * ratio * k3).sum()) == pytest.approx(slope((logp.exp() * (logp - q.log())).sum()))


def test_the_kl_estimate_averages_to_the_divergence() -> None:
    p, q = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.2, 0.3, 0.5])
    assert float((p * kl_estimate(p.log(), q.log())).sum()) == pytest.approx(float((p * (p / q).log()).sum()))


@pytest.mark.parametrize("name", ["importance_sampling", "ppo"])
def test_a_ratio_above_the_cap_counts_as_the_cap_and_is_not_pulled_back(name: str) -> None:
    """A bad token, 5 times as likely as when it was drawn: with ratio_cap=2 it weighs 2."""
    batch = tokens([5.0, 1.9], [-1.0, -1.0], [1.0, 1.0])
    loss = loss_named(name)(batch, {**CLIP, "ratio_cap": 2.0})
    (slopes,) = torch.autograd.grad(loss, batch.logprobs)
    assert float(loss.detach()) == pytest.approx(2.0 + 1.9)
    assert slopes.tolist() == pytest.approx([2.0, 1.9])


@pytest.mark.parametrize("name", ["importance_sampling", "ppo"])
def test_below_the_cap_no_bit_is_another(name: str) -> None:
    torch.manual_seed(0)
    nats = torch.randn(1000)
    logprobs = nats.clone().requires_grad_()
    sampler = nats - (torch.rand(1000) * 4 - 3).clamp_max(0.69)
    batch = TokenBatch(logprobs, sampler, torch.randn(1000), torch.rand(1000))
    plain, capped = (loss_named(name)(batch, {**CLIP, **more}) for more in ({}, {"ratio_cap": 2.0}))
    assert torch.equal(plain, capped)
    slopes = [torch.autograd.grad(loss, logprobs)[0] for loss in (plain, capped)]
    assert torch.equal(*slopes)
