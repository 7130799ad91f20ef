"""AdamW beside torch.optim's, bit for bit, and what either reads of the other."""

from __future__ import annotations

import torch
from torch import nn

from straw.engines.base import AdamParams
from straw.engines.local.training.adamw import AdamW

PARAMS = AdamParams(learning_rate=3e-2, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.1)


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(7, 5), (33,), (), (2, 3, 4)]
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def gradients(parameters: list[nn.Parameter], step: int) -> None:
    """The second has none at first."""
    generator = torch.Generator().manual_seed(100 + step)
    for place, p in enumerate(parameters):
        drawn = torch.randn(p.shape, generator=generator)
        p.grad = None if place == 1 and step < 2 else drawn


def torchs(parameters: list[nn.Parameter]) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        parameters, lr=PARAMS.learning_rate, betas=(PARAMS.beta1, PARAMS.beta2), eps=PARAMS.eps,
        weight_decay=PARAMS.weight_decay, fused=True,
    )  # fmt: skip


def alike(mine: AdamW, theirs: torch.optim.AdamW) -> bool:
    pairs = list(zip(mine.parameters, theirs.param_groups[0]["params"], strict=True))
    states = [(mine.state.get(p, {}), theirs.state.get(q, {})) for p, q in pairs]
    return all(torch.equal(p, q) for p, q in pairs) and all(
        list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one) for one, other in states
    )


def test_the_bits_are_those_of_torch() -> None:
    one, other = weights(), weights()
    mine, theirs = AdamW(one), torchs(other)
    for step in range(5):
        gradients(one, step)
        gradients(other, step)
        mine.step(PARAMS)
        theirs.step()
        assert alike(mine, theirs), step
    assert not torch.equal(one[0], weights()[0]) and float(mine.state[one[1]]["step"]) == 3


def test_either_goes_on_from_the_state_of_the_other() -> None:
    one, other = weights(), weights()
    mine, theirs = AdamW(one), torchs(other)
    gradients(one, 2)
    mine.step(PARAMS)
    for p, q in zip(one, other, strict=True):
        q.data.copy_(p.data)
        theirs.state[q] = {name: value.clone() for name, value in mine.state[p].items()}
    gradients(one, 3)
    gradients(other, 3)
    mine.step(PARAMS)
    theirs.step()
    assert alike(mine, theirs)
    for p, q in zip(one, other, strict=True):
        mine.state[p] = {name: value.clone() for name, value in theirs.state[q].items()}
    gradients(one, 4)
    gradients(other, 4)
    mine.step(PARAMS)
    theirs.step()
    assert alike(mine, theirs)


def test_without_a_gradient_nothing_moves_and_nothing_is_kept() -> None:
    one = weights()
    mine = AdamW(one)
    mine.step(PARAMS)
    assert not mine.state and torch.equal(one[0], weights()[0])
    gradients(one, 2)
    mine.zero_grad()
    assert all(p.grad is None for p in one)
