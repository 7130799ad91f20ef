"""How few rows a product may have and still give each of them the bits that it has among many.

    fewest_rows(width)              products of attention, for heads of this width
    fewest_rows_through(weights)    rows through these matrices

A row alone goes to another kernel than a row among sixteen, so few rows are filled up with empty ones. From how many on
the bits are the same depends on the processor and its library, and every empty row is work, the more the longer a
prompt is or the larger the model: so it is measured once in a process, in the products' own shapes. Wherever it comes
out, the bits are those of ROW_TILE rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

ROW_TILE = 16  # from this many rows on a matmul gives each row the same bits
CANDIDATES = (2, 4, 8)
KEYS = (64, 192, 1024)  # of a prompt; values are summed up over the first of these at a time
LARGE = 2**22  # numbers of a matrix: kernels take some rows at a time, so not every count is tried


def fewest_rows(width: int) -> int:
    """In float32, for heads of this width."""
    return fewest_with(width, torch.get_num_threads())


@cache
def fewest_with(width: int, num_threads: int) -> int:
    """Threads divide a product among them, and so its rows."""
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


through: dict[tuple[torch.Size, int], int] = {}  # by shape and number of threads, of this process


def fewest_rows_through(weights: Iterable[Tensor]) -> int:
    """In float32."""
    by_shape = {(weight.shape, torch.get_num_threads()): weight for weight in weights}
    for shape, weight in by_shape.items():
        if shape not in through:
            through[shape] = measured_through(weight.detach())
    return max((through[shape] for shape in by_shape), default=ROW_TILE)


def measured_through(weight: Tensor) -> int:
    """From how many rows on every number of them gives the bits of ROW_TILE."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        x, other = torch.randn(ROW_TILE, weight.shape[1]), torch.randn(ROW_TILE, weight.shape[0])
        among_many = products(weight, x, other)
        counts = range(CANDIDATES[0], ROW_TILE)
        tried = [count for count in counts if weight.numel() < LARGE or count < 8 or count % 4 == 3]
        differ = [count for count in tried if not same_through(weight, x[:count], other, among_many)]
    return next((rows for rows in CANDIDATES if rows > max(differ, default=0)), ROW_TILE)


def same_through(weight: Tensor, x: Tensor, other: Tensor, among_many: Sequence[Tensor]) -> bool:
    found = products(weight, x, other)
    return all(torch.equal(few, many[: len(x)]) for few, many in zip(found, among_many, strict=True))


def products(weight: Tensor, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As a layer makes them: plain, with a bias, with a residual."""
    return F.linear(x, weight), F.linear(x, weight, other[0]), torch.addmm(other[: len(x)], x, weight.t())
