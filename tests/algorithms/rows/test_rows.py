"""Each row's formula, written once more in float64, and by hand."""

from __future__ import annotations

from itertools import product
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from straw.algorithms.baselines import Credit
from straw.algorithms.losses import TokenBatch, kl_estimate, loss_named
from straw.algorithms.registry import NAMED
from straw.errors import ConfigError

GROUPS = [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]


def advantages(name: str, groups: list[list[float]]) -> np.ndarray:
    return np.array(Credit(baseline=name).advantages(groups))


# --- maxrl


def test_maxrl_by_hand_one_hit_of_four_is_worth_three() -> None:
    assert advantages("maxrl", GROUPS).tolist() == [[3, -1, -1, -1], [1, 1, -1, -1]]
    assert advantages("maxrl", [[0.0] * 4, [1.0] * 4]).tolist() == [[0] * 4, [0] * 4]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_group_of_maxrl_climbs_in_the_mean_the_first_terms_of_the_log_likelihood(size: int) -> None:
    """All groups of a policy over three answers, each as often as it comes; the first one is right."""
    logits = torch.tensor([0.4, -0.3, 0.9], dtype=torch.float64, requires_grad=True)
    logp = logits.log_softmax(0)
    p = logp[0].exp()
    scores = torch.stack([torch.autograd.grad(one, logits, retain_graph=True)[0] for one in logp])
    found = torch.zeros(3, dtype=torch.float64)
    for group in product(range(3), repeat=size):
        often = torch.exp(sum(logp[one] for one in group)).detach()
        worth = advantages("maxrl", [[float(one == 0) for one in group]])[0]
        found += often * sum(a * scores[one] for a, one in zip(worth, group, strict=True)) / size
    terms = [-((1 - p) ** k) / k for k in range(1, size)]  # minus fail@k over k
    expected = torch.autograd.grad(sum(terms) + 0 * p, logits)[0]
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-12)


def test_maxrl_wants_rewards_that_are_shares() -> None:
    with pytest.raises(ConfigError, match="no reward is below 0; got -1"):
        advantages("maxrl", [[1.0, -1.0]])


# --- reinforce++


def test_reinforce_pp_is_scaled_over_the_batch() -> None:
    rewards = np.array([[1.0, 0.0, 0.3, 0.0], [0.2, 0.9, 0.9, 0.0]])
    whole = (rewards - rewards.mean()) / rewards.std()
    np.testing.assert_allclose(advantages("batch_zscore", rewards.tolist()), whole, atol=1e-6)
    centred = rewards - rewards.mean(1, keepdims=True)
    np.testing.assert_allclose(advantages("centred_batch", rewards.tolist()), centred / centred.std(), atol=1e-6)


def test_reinforce_pp_by_hand() -> None:
    """Rewards 1, 0 | 0, 0: mean 1/4, variance 3/16."""
    assert advantages("batch_zscore", [[1, 0], [0, 0]])[0] == pytest.approx([3**0.5, -(3**-0.5)], abs=1e-6)
    assert advantages("centred_batch", [[1, 0], [0, 0]]) == pytest.approx(  # deviations 1/2, -1/2, 0, 0
        np.array([[2**0.5, -(2**0.5)], [0, 0]]), abs=1e-6
    )


@pytest.mark.parametrize("name", ["batch_zscore", "centred_batch"])
def test_a_deviation_of_a_hundred_millionth_is_not_blown_up_to_one(name: str) -> None:
    assert advantages(name, [[1e-8, -1e-8], [-1e-8, 1e-8]]).ravel() == pytest.approx([0.5, -0.5, -0.5, 0.5])


def test_groups_of_unequal_sizes_keep_their_rewards_in_order() -> None:
    found = Credit(baseline="batch_zscore").advantages([[3.0], [0.0, 0.0], [1.0]])
    assert [len(group) for group in found] == [1, 2, 1]
    assert found[0][0] == pytest.approx(2 / 1.5**0.5) and found[1] == pytest.approx([-1 / 1.5**0.5] * 2)
    assert found[2] == [0.0]


@pytest.mark.parametrize("name", ["batch_zscore", "centred_batch"])
def test_a_batch_that_agrees_teaches_exactly_nothing(name: str) -> None:
    assert not advantages(name, [[0.1] * 3, [0.1] * 3]).any()


def test_its_kl_penalty_has_the_gradient_of_k2_in_the_mean() -> None:
    logits = torch.tensor([0.3, -1.0, 0.8], dtype=torch.float64, requires_grad=True)
    q, logp = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log(), logits.log_softmax(0)
    often, ratio = logp.exp().detach(), (logp - logp.detach()).exp()
    k2, ours = 0.5 * (logp - q) ** 2, ratio * kl_estimate(logp, q)
    slopes = [torch.autograd.grad((often * one).sum(), logits, retain_graph=True)[0].tolist() for one in (k2, ours)]
    assert slopes[0] == pytest.approx(slopes[1])
    assert NAMED["reinforce_pp"].also == {"use_bias_correction_kl": True}


# --- losses


def batch_of(ratios: list[float], advantages: list[float], owners: list[int], weights: list[float]) -> TokenBatch:
    logprobs = torch.full((len(ratios),), log(1 / 2), dtype=torch.float64, requires_grad=True)
    drawn = logprobs.detach() - torch.tensor(ratios, dtype=torch.float64).log()
    return TokenBatch(logprobs, drawn, torch.tensor(advantages), torch.tensor(weights), torch.tensor(owners))


def value_and_slopes(name: str, batch: TokenBatch, low: float, high: float) -> tuple[float, list[float]]:
    loss: Tensor = loss_named(name)(batch, {"clip_low": low, "clip_high": high})
    return float(loss.detach()), torch.autograd.grad(loss, batch.logprobs)[0].tolist()


def test_gspo_by_hand_a_reply_has_one_ratio_and_is_clipped_as_a_whole() -> None:
    """Ratios 4 and 1: s = sqrt(4) = 2 for both tokens; the other reply's is 1.1, inside the clip."""
    batch = batch_of([4, 1, 1.1], [1, 1, 1], [0, 0, 1], [0.25, 0.25, 0.5])
    value, slopes = value_and_slopes("gspo", batch, 0.2, 0.2)
    assert value == pytest.approx(-(1.2 / 2 + 1.1 / 2))
    assert slopes == pytest.approx([0, 0, -0.55])
    value, slopes = value_and_slopes("gspo", batch_of([4, 1], [-1, -1], [0, 0], [0.25, 0.25]), 0.2, 0.2)
    assert (value, slopes) == (pytest.approx(1.0), pytest.approx([0.5, 0.5]))  # min(-2, -1.2) is not clipped


def test_gspo_written_by_the_token_has_the_gradient_of_the_papers_formula() -> None:
    random = np.random.default_rng(0)
    lengths, worth = [3, 1, 5], [0.7, -1.2, 0.4]
    owners = [reply for reply, length in enumerate(lengths) for _ in range(length)]
    now, then = (torch.tensor(random.normal(-1, 0.3, 9)) for _ in range(2))
    now.requires_grad_()
    weights = torch.tensor([1 / (3 * lengths[reply]) for reply in owners], dtype=torch.float64)
    batch = TokenBatch(now, then, torch.tensor([worth[reply] for reply in owners]), weights, torch.tensor(owners))
    ours = loss_named("gspo")(batch, {"clip_low": 0.1, "clip_high": 0.15})
    total = torch.zeros((), dtype=torch.float64)
    for reply, (length, a) in enumerate(zip(lengths, worth, strict=True)):
        mine = torch.tensor([owner == reply for owner in owners])
        s = torch.exp((now[mine].sum() - then[mine].sum()) / length)
        total = total - torch.minimum(s * a, s.clamp(0.9, 1.15) * a) / 3
    assert float(ours.detach()) == pytest.approx(float(total.detach()))
    slopes = [torch.autograd.grad(one, now, retain_graph=True)[0].tolist() for one in (ours, total)]
    assert slopes[0] == pytest.approx(slopes[1])


def test_gspo_of_no_tokens_is_no_loss() -> None:
    value, slopes = value_and_slopes("gspo", batch_of([], [], [], []), 0.2, 0.2)
    assert (value, slopes) == (0.0, [])


def test_a_token_that_does_not_train_has_no_part_in_gspos_ratio() -> None:
    """A user's words between two turns."""
    with_it = value_and_slopes("gspo", batch_of([1.1, 9, 1.1], [1, 1, 1], [0, 0, 0], [0.5, 0, 0.5]), 0.2, 0.2)[0]
    assert with_it == pytest.approx(-1.1)


@pytest.mark.parametrize(("ratio", "share"), [(1.0, 1.0), (0.1, 0.1), (3.0, 3.0), (40.0, 5.0)])
@pytest.mark.parametrize("advantage", [1.0, -2.0])
def test_cispo_clips_the_weight_of_a_token_and_never_its_gradient(ratio: float, share: float, advantage: float) -> None:
    row = NAMED["cispo"].also
    low, high = float(str(row["clip_low"])), float(str(row["clip_high"]))
    value, slopes = value_and_slopes("cispo", batch_of([ratio], [advantage], [0], [0.5]), low, high)
    assert value == pytest.approx(-share * 0.5 * advantage * log(1 / 2))
    assert slopes == pytest.approx([-share * 0.5 * advantage])


@pytest.mark.parametrize("name", ["cispo", "gspo"])
def test_they_are_what_the_tinker_protocol_has_under_their_names(name: str) -> None:
    """Its losses were written apart, for a server."""
    from straw.engines.tenants.training.losses import LOSSES, Cells

    random = np.random.default_rng(1)
    owners = torch.tensor([0, 0, 0, 1, 1])
    now, then = (torch.tensor(random.normal(-1, 0.5, 5)) for _ in range(2))
    now.requires_grad_()
    pulls = torch.tensor([0.3] * 3 + [-0.4] * 2, dtype=torch.float64)
    ones = torch.ones(5, dtype=torch.float64)
    ours = loss_named(name)(TokenBatch(now, then, pulls, ones, owners), {"clip_low": 0.2, "clip_high": 0.28})
    cells = Cells(ones, pulls, then, 0.8 * ones, 1.28 * ones, ones, owners)
    theirs: Any = LOSSES[name].function(now, cells, {}).sum()
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()))
    slopes = [torch.autograd.grad(one, now)[0].tolist() for one in (ours, theirs)]
    assert slopes[0] == pytest.approx(slopes[1])


# --- rows


@pytest.mark.parametrize(
    ("name", "baseline", "loss", "weigh", "kl", "clips"),
    [
        ("dr_grpo", "group", "ppo", "rollout", 0, None),
        ("dapo", "zscore", "ppo", "token", 0, (0.2, 0.28)),
        ("gspo", "zscore", "gspo", "reply", 0, (3e-4, 4e-4)),
        ("cispo", "zscore", "cispo", "token", 0, (1, 4)),
        ("maxrl", "maxrl", "importance_sampling", "rollout", 0, None),
        ("reinforce_pp", "batch_zscore", "ppo", "token", 0.01, None),
        ("reinforce_pp_baseline", "centred_batch", "ppo", "token", 0.01, None),
    ],
)
def test_the_rows_are_what_their_papers_say(
    name: str, baseline: str, loss: str, weigh: str, kl: float, clips: Any
) -> None:
    row = NAMED[name]
    assert (row.baseline, row.loss_fn, row.weigh, row.kl_coef) == (baseline, loss, weigh, kl)
    assert clips is None or (row.also["clip_low"], row.also["clip_high"]) == clips


def test_what_a_row_says_beside_is_on_its_page_unless_somebody_wrote_otherwise() -> None:
    from tests.small_runs import small_plan

    page = small_plan("algorithm=dapo clip_low=0.1").page
    assert (page.algorithm.clip_low, page.algorithm.clip_high) == (0.1, 0.28)
    assert small_plan("algorithm=grpo").page.algorithm.clip_high == 0.2
