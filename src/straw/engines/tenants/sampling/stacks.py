"""Adapters of one rank side by side, layer by layer, as one product over all of them wants them.

    slot     0         1         2         3
    A [S, rank, in]    B [S, out, rank]    scale [S, 1, 1]

Those that write now have the first slots. Who comes is copied into the slot of one that went, so a change costs as much
as the adapters that it brings.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.tenants.bank import Adapter

NARROWEST = 2  # a product with one column goes to another kernel, whose bits depend on the number of rows


def widened(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """An adapter of rank 1 with a second rank of zeros."""
    missing = NARROWEST - a.shape[0]
    return (a, b) if missing <= 0 else (F.pad(a, (0, 0, 0, missing)), F.pad(b, (0, missing)))


class Stack:
    def __init__(self) -> None:
        self.slots: list[Adapter] = []
        self.layers: dict[str, tuple[Tensor, Tensor]] = {}
        self.scales = torch.zeros(0, 1, 1)

    def hold(self, adapters: Sequence[Adapter]) -> list[Adapter]:
        """These stand in the first slots now; returns in which order."""
        self._make_room(adapters)
        wanted, first = set(adapters), self.slots[: len(adapters)]
        holes = [slot for slot, adapter in enumerate(first) if adapter not in wanted]
        holes += range(len(first), len(adapters))
        self.slots += adapters[: len(adapters) - len(first)]  # to be written over at once
        there = set(first)
        for slot, adapter in zip(holes, [one for one in adapters if one not in there], strict=True):
            self._write(slot, adapter)
        return self.slots[: len(adapters)]

    def _write(self, slot: int, adapter: Adapter) -> None:
        self.slots[slot] = adapter
        self.scales[slot] = adapter.scale
        for layer, pair in adapter.pairs.items():
            for buffer, tensor in zip(self.layers[layer], widened(*pair), strict=True):
                buffer[slot] = tensor

    def _make_room(self, adapters: Sequence[Adapter]) -> None:
        """A quarter more than is wanted; a lane with many fewer begins anew."""
        room, count = len(self.scales), len(adapters)
        if count <= room <= 4 * count + 4:
            return
        self.slots = []
        room = count + count // 4
        some = adapters[0]
        self.layers = {
            layer: (a.new_zeros(room, *a.shape), b.new_zeros(room, *b.shape))
            for layer, (a, b) in ((layer, widened(*pair)) for layer, pair in some.pairs.items())
        }
        self.scales = next(iter(some.pairs.values()))[0].new_zeros(room, 1, 1)
