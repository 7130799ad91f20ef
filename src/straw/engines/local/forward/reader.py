"""What a way through a model is, and what it asks about who may see whom."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from straw.engines.local.forward.attention import Rule
from straw.engines.local.forward.fewest_rows import ROW_TILE
from straw.engines.precision import keeps_bits


class Layout(Protocol):
    """Who may see whom: `packing.Pack` for whole replies, `kv_cache.Decode` for rows that grow."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        """[N, H, D] queries and [N, K, D] keys and values of the flat row -> [N, H, D]."""
        ...


class Reader(Protocol):
    """Hidden states of a flat row of tokens: [N] tokens at [N] positions -> [N, width], after the last norm."""

    is_by_token: bool  # no layer but attention sees which tokens come together: not so with experts, who share them out

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor: ...

    def layers(self, tokens: Tensor, positions: Tensor, layout: Layout) -> list[Tensor]:
        """The same behind every layer, before the last norm."""
        ...

    def fewest_rows(self, head: Tensor) -> int:
        """How many rows have to be written together for each to have its bits, in float32 on a CPU."""
        ...


def row_tile(reader: Reader, head: Tensor, device: torch.device) -> int:
    """Rows that are written together are no fewer: empty ones fill up."""
    if not keeps_bits(device) or torch.is_autocast_enabled(device.type):
        return ROW_TILE
    return reader.fewest_rows(head)
