"""Frozen matrices laid out once as the processor multiplies them, where torch would lay them out at every product.

    few rows       a product of 16 rows in bfloat16 spends a third of its time on the layout: 110 to 150 GFLOP/s
                   instead of 65 to 100 (`python benchmarks/bfloat16_copies.py`)
    the same bits  oneDNN runs the same kernel; a probe compares at the start, and where one bit differs, or
                   torch has no such product, nothing is packed

The plain matrix stays, for the way back and for whoever saves, so packing costs its memory once more, and is left where
that is more than a quarter of what is free; who needs neither says so by `is_alone`. Who puts other numbers into a
matrix says so by `renew`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from straw.engines.precision import has_amx, is_fast_in_bfloat16
from straw.runs.about import available_memory

ROWS = 16  # for which it is laid out; others are multiplied by the same layout
FEWEST = 64  # rows and columns of a matrix: an adapter's are not worth it
PROBED = (1, 16, 23, 64)
SHARE = 4  # of what is free one part may be used


class Packed:
    """One matrix in bfloat16; made at its first product, and again after `renew`."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.laid_out: Any = None
        self.is_alone = False  # nobody reads or changes the plain matrix behind the first product

    def renew(self, changed: Collection[Tensor]) -> None:
        """These weights have other numbers now."""
        if any(weight is self.weight for weight in changed):
            self.laid_out = None

    def times(self, x: Tensor) -> Tensor:
        """linear(x, weight) without a way back, in bfloat16."""
        if self.laid_out is None:
            self.laid_out = laid_out(self.weight.detach().bfloat16())  # it may lie unrounded in shared memory
            if self.is_alone:
                self.weight.data = self.weight.data.new_empty(0)
        rows = x.to(torch.bfloat16).reshape(-1, x.shape[-1])
        return multiply(rows, self.laid_out).view(*x.shape[:-1], -1)


class PackedLinear:
    """Stands in for the `forward` of a linear layer: a product with a way back goes the old way."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer, self.packed = layer, Packed(layer.weight)
        layer.forward = self  # type: ignore[method-assign, assignment]

    def __call__(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return F.linear(x, self.layer.weight, self.layer.bias)
        return self.packed.times(x) if len(x) else x.new_empty(0, self.layer.out_features, dtype=torch.bfloat16)


def pack_layers(model: nn.Module) -> list[Packed]:
    """All linear layers that are frozen, without a bias and in bfloat16, where this machine gains by it."""
    if not can_pack():
        return []
    layers = [part for part in model.modules() if isinstance(part, nn.Linear) and may_be_packed(part)]
    free = available_memory()
    if free is not None and SHARE * sum(layer.weight.nbytes for layer in layers) > free:
        return []
    return [PackedLinear(layer).packed for layer in layers]


def may_be_packed(layer: nn.Linear) -> bool:
    weight = layer.weight
    is_plain = type(layer) is nn.Linear and getattr(layer, "bias", None) is None and weight.device.type == "cpu"
    return is_plain and weight.dtype == torch.bfloat16 and not weight.requires_grad and min(weight.shape) >= FEWEST


@cache
def can_pack() -> bool:
    """Whether a packed product is there, pays, and has the bits of a plain one.

    With AMX a plain product goes tile by tile (`engines.batch_invariant`), and nobody compared that.
    """
    if has_amx() or not is_fast_in_bfloat16("cpu") or not torch.backends.mkldnn.is_available():
        return False
    draws = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(size, 576, generator=draws).bfloat16() for size in (192, max(PROBED)))
    try:
        with torch.no_grad():
            packed = laid_out(weight)
            return all(torch.equal(multiply(x[:size], packed), F.linear(x[:size], weight)) for size in PROBED)
    except (AttributeError, RuntimeError):  # another torch, another oneDNN
        return False


def laid_out(weight: Tensor) -> Any:
    return torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)


def multiply(rows: Tensor, matrix: Any) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, matrix, None, "none", [], "")
    return out
