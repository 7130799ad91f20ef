"""Batch-invariant products in bfloat16: a row has the same bits in any company, also on processors with AMX.

AMX cuts a sum over some hundreds of numbers into blocks, and where depends on the number of rows and, in attention, of
keys: one bfloat16 in ten thousand rounds otherwise, and the layers behind make 0.05 nats of it between sampler and
trainer. So weights meet TILE rows at a time, which still is twice as fast as float32 from 64 rows on (`python
benchmarks/batch_invariance.py`), and attention weights meet values in float64, where a sum of such products next to
always rounds alike in every order.

    with batch_invariant("cpu"): ...       every torch.nn.functional.linear inside, in whatever module

On AVX-512 alone a row has its bits in any company as it is, from the 16 rows on that attention.ROW_TILE sees to.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from straw.engines.precision import has_amx

TILE = 64  # rows; more are faster in training, and pad more where few rows are sampled


def batch_invariant(device: str) -> AbstractContextManager[Any]:
    """Where `device` needs it; for code in bfloat16."""
    return BatchInvariantLinears() if torch.device(device).type == "cpu" and has_amx() else nullcontext()


class BatchInvariantLinears(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return linear(*args, **(kwargs or {})) if func is F.linear else func(*args, **(kwargs or {}))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rows = x.reshape(-1, x.shape[-1])
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in (x, weight, bias)):
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        out = TiledLinear.apply(*(one if one is None else one.to(kind) for one in (rows, weight, bias)))
    else:
        out = in_tiles(rows, weight, bias)
    return out.view(*x.shape[:-1], -1)


def in_tiles(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Every tile is full, so that every row is computed alike."""
    *tiles, last = rows.split(TILE)
    if missing := TILE - len(last):
        last = F.pad(last, (0, 0, 0, missing))
    out = [F.linear(tile, weight, bias) for tile in (*tiles, last)]
    return (out[0] if not tiles else torch.cat(out))[: len(rows)]


def again() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """For torch's checkpoint, which brings autocast back by itself: a layer that is computed again has these too."""
    return nullcontext(), batch_invariant("cpu") if torch.is_autocast_enabled("cpu") else nullcontext()


class TiledLinear(torch.autograd.Function):
    """On the way back whole products will do: nobody compares gradients bit by bit between batches of two sizes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return in_tiles(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        wants_rows, wants_weight, wants_bias = ctx.needs_input_grad
        return (
            dy @ weight if wants_rows else None,
            dy.t() @ rows if wants_weight else None,
            dy.sum(0) if wants_bias else None,
        )


def weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """weights @ values, whatever zeros stand behind the last key."""
    if values.dtype == torch.bfloat16 and values.device.type == "cpu" and has_amx():
        with torch.autocast("cpu", enabled=False):
            return (weights.double() @ values.double()).to(values.dtype)
    return weights @ values
