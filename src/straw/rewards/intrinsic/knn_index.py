"""Neighbours among very many questions: look only into the cells that are near.

    some questions are centres; each question lies in the cell of its nearest centre
    a search looks through the `PROBED` nearest cells of about sqrt(n)

An inverted-file index in the smallest form: no lists to mend when a question is replaced, only one cell number a slot,
and a search that reads these numbers (4 bytes a question instead of 4 times the width). It is approximate: a nearest
neighbour on the far side of a border is missed. Own code, since the memory has to come back from a checkpoint with
equal bits: the libraries for this keep an index of their own in files of their own, and write it with several threads.

Centres are chosen again, evenly among the questions that are there, whenever their number has doubled.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

PROBED = 16
ROUNDS = 3  # of moving each centre to the mean of its cell


class Cells:
    """Which slots are near a question; not in use before `place` was told of enough."""

    def __init__(self, width: int) -> None:
        self.centres = torch.zeros(0, width)
        self.cell_of = torch.zeros(0, dtype=torch.int32)
        self.made_for = 0  # keys

    @property
    def is_in_use(self) -> bool:
        return self.made_for > 0

    def place(self, slot: int, keys: Tensor, starts_at: int) -> None:
        """The key in `slot` is new; `keys` are all there are."""
        if len(keys) > max(starts_at, 2 * self.made_for - 1):
            self._divide(keys)
        elif self.is_in_use:
            if slot >= len(self.cell_of):
                more = self.cell_of.new_zeros(max(slot + 1, 2 * len(self.cell_of)))
                more[: len(self.cell_of)] = self.cell_of
                self.cell_of = more
            self.cell_of[slot] = int((self.centres @ keys[slot]).argmax())

    def _divide(self, keys: Tensor) -> None:
        count = math.isqrt(len(keys))
        sample = keys[:: max(1, len(keys) // (32 * count))]
        self.centres = sample[:: max(1, len(sample) // count)][:count].clone()
        for _ in range(ROUNDS):
            cells = nearest_of(sample, self.centres)
            sums = torch.zeros_like(self.centres).index_add_(0, cells, sample)
            is_empty = sums.norm(dim=1, keepdim=True) == 0
            self.centres = torch.where(is_empty, self.centres, torch.nn.functional.normalize(sums, dim=1))
        self.cell_of = nearest_of(keys, self.centres).to(torch.int32)
        self.made_for = len(keys)

    def candidates(self, question: Tensor, num_keys: int) -> Tensor:
        """The slots worth a look, in order."""
        probed = torch.zeros(len(self.centres), dtype=torch.bool)
        probed[(self.centres @ question).topk(min(PROBED, len(self.centres))).indices] = True
        return probed[self.cell_of[:num_keys].long()].nonzero()[:, 0]

    def arrays(self, num_keys: int) -> dict[str, Tensor]:
        return {
            "centres": self.centres.clone(),
            "cell_of": self.cell_of[:num_keys].clone(),
            "made_for": torch.tensor([self.made_for]),
        }

    def load(self, arrays: dict[str, Tensor]) -> None:
        self.centres, self.cell_of = arrays["centres"].clone(), arrays["cell_of"].clone()
        self.made_for = int(arrays["made_for"])


def nearest_of(keys: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of each, some keys at a time."""
    return torch.cat([(some @ centres.T).argmax(1) for some in keys.split(8192)])
