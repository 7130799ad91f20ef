"""How few rows a product of attention may have and still give each of them the bits that it has among many.

A row alone goes to another kernel than a row among sixteen, so few rows are filled up with empty ones. From how many on
the bits are the same depends on the processor and its library, and every empty row is work, the more the longer a
prompt is: so it is measured once in a process, in the products' own shapes. Wherever it comes out, the bits are those
of ROW_TILE rows.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

ROW_TILE = 16  # from this many rows on a matmul gives each row the same bits
CANDIDATES = (2, 4, 8)
KEYS = (64, 192, 1024)  # of a prompt; values are summed up over the first of these at a time


@cache
def fewest_rows(width: int) -> int:
    """In float32, for heads of this width."""
    with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.autocast("cpu", enabled=False):
        torch.manual_seed(0)
        return next((rows for rows in CANDIDATES if all(is_enough(rows, width, keys) for keys in KEYS)), ROW_TILE)


def is_enough(rows: int, width: int, num_keys: int) -> bool:
    for prompts, heads in ((1, 1), (3, 2)):
        queries, weights = torch.randn(prompts, heads, ROW_TILE, width), torch.rand(prompts, heads, ROW_TILE, KEYS[0])
        keys = torch.randn(prompts, heads, num_keys, width)
        if not same(queries, keys.transpose(2, 3), rows) or not same(weights, keys[:, :, : KEYS[0]], rows):
            return False
    return True


def same(left: Tensor, right: Tensor, rows: int) -> bool:
    return torch.equal(left[:, :, :rows].contiguous() @ right, (left @ right)[:, :, :rows])
