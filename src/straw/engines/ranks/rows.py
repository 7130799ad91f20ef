"""Which rows of every weight are whose: those of a chunk, as FSDP2 cuts them.

    10 rows, 4 ranks     0-2   3-5   6-8   9        a weight of fewer rows than ranks leaves some with none

Rows of a matrix lie one behind the other, in memory that is shared as in a file of safetensors, so every rank reads and
writes its own without asking the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one rank among `ranks`."""

    rank: int
    ranks: int

    def of(self, num_rows: int) -> slice:
        size = -(-num_rows // self.ranks)
        return slice(min(self.rank * size, num_rows), min((self.rank + 1) * size, num_rows))

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """Of the rows of a tensor of this shape; a single number is everybody's."""
        mine = self.of(whole[0]) if whole else slice(0, 0)
        return (mine.stop - mine.start, *whole[1:]) if whole else whole


@torch.no_grad()
def take(share: Share, rows: Mapping[str, Tensor], whole: Mapping[str, Tensor]) -> None:
    """Fill these rows from whole tensors."""
    for name, tensor in rows.items():
        tensor.copy_(whole[name][share.of(len(whole[name]))])


@torch.no_grad()
def give(share: Share, rows: Mapping[str, Tensor], whole: Mapping[str, Tensor]) -> None:
    """The other way: into the whole ones, beside what the other ranks give."""
    for name, tensor in rows.items():
        whole[name][share.of(len(whole[name]))].copy_(tensor)
