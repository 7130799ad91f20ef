"""Adapters of rank 1, read so that a row's bits do not depend on its neighbours.

A x with one row in A is a product of another kind to the library, and its bits depend on how many rows x has: with 17
rows the last one has others than with 64. Beside a second row of zeros it is a product like those of all other ranks.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def inner(x: Tensor, a: Tensor) -> Tensor:
    """A x, for an A of any rank."""
    return F.linear(x, a) if a.shape[0] > 1 else F.linear(x, F.pad(a, (0, 0, 0, 1)))[..., :1]


class RankOne(nn.Linear):
    """PEFT's `lora_A` of rank 1."""

    def forward(self, x: Tensor) -> Tensor:
        return inner(x, self.weight)


def widen_rank_one(model: nn.Module) -> None:
    """In place, for adapters that PEFT has put into a model."""
    for name, module in model.named_modules():
        if ".lora_A." in f".{name}" and type(module) is nn.Linear and module.out_features == 1:
            module.__class__ = RankOne
