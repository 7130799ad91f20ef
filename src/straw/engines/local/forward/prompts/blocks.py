"""Attention among a prompt's tokens in blocks, so that a prompt may be read from any block on with the same bits.

    queries  0 to 31    see keys 0 to 31      each block is one call of torch's fused kernel, with a mask for its own
    queries 32 to 63    see keys 0 to 63      triangle: a call whose shape depends on where the block stands, and on
    queries 64 to 70    see keys 0 to 70      nothing that comes behind it

So the keys and values of whole blocks are a function of the tokens up to their end, and those that an earlier reading
left stand for those that a reading from nothing would give. The kernel's own causal mode has no such property: where
it cuts its sums depends on the length of all. Up to 192 tokens it has blocks of 32 queries itself, and the same bits.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.local.forward.attention import ROW_TILE, Rule

BLOCK = 32
SAME_BITS = 192  # up to so many tokens blocks have the bits of a prompt that is read whole
FEW = 4  # queries alone go to another kernel than behind a block


def num_reusable(known: int, length: int) -> int:
    """How many of `known` tokens in common with an earlier prompt a prompt of this length need not read again: whole
    blocks, and as many left as a product wants rows.

    >>> num_reusable(100, 140), num_reusable(100, 100)
    (96, 64)
    """
    return max(0, min(known, length - ROW_TILE)) // BLOCK * BLOCK


def attend_in_blocks(q_UNHD: Tensor, k_UKPD: Tensor, v_UKPD: Tensor, rule: Rule) -> Tensor:
    """The last N of P tokens, from the beginning of a block on; keys and values of all P, as a `Prefix` keeps them."""
    p, n = k_UKPD.shape[2], q_UNHD.shape[1]
    queries, mask = q_UNHD.transpose(1, 2), triangle(p, q_UNHD.device)
    out = []
    for begin in range(p - n, p, BLOCK):
        end = min(begin + BLOCK, p)
        some, seen = queries[:, :, begin - p + n : end - p + n], mask[: end - begin, p - begin : p - begin + end]
        if end - begin < FEW and begin:
            some, seen = F.pad(some, (0, 0, BLOCK, 0)), F.pad(seen, (0, 0, BLOCK, 0))
        block = F.scaled_dot_product_attention(
            some, k_UKPD[:, :, :end], v_UKPD[:, :, :end], attn_mask=seen, scale=rule.scaling,
            enable_gqa=queries.shape[1] != k_UKPD.shape[1],
        )  # fmt: skip
        out.append(block[:, :, begin - end :])
    return torch.cat(out, dim=2).transpose(1, 2)


@lru_cache(maxsize=8)  # for all layers
def triangle(p: int, device: torch.device) -> Tensor:
    """[BLOCK, P + BLOCK]: zeros, and in the last columns what a block's queries may not see of its own keys."""
    mask = torch.zeros(BLOCK, p + BLOCK, device=device)
    mask[:, p:].masked_fill_(torch.ones(BLOCK, BLOCK, dtype=torch.bool, device=device).triu(1), -torch.inf)
    return mask
