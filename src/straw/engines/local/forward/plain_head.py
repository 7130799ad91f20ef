"""A head without bias or cap, forward and backward by hand, an adapter beside it or none.

    z = scale W h + share B A h         logp[n] = z[n, target] - logsumexp z[n]       entropy[n] = logsumexp z[n] - p z

    d logp / dz = onehot - p            d entropy / dz = -p (log p + entropy)
    dA = share (dz B)^T h               dB = share dz^T (A h)

Two arrays [M, V] are whole, logits as the product wrote them and p, which the way back wants. What is done to each
number on the way is done a block of rows at a time, which a processor keeps in its cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from straw.engines.local import heartbeat as pulse

BLOCK = 2**20  # numbers of float32 on a processor; a device takes all rows at once
Pairs = tuple[Tensor, Tensor]  # rows in order, and a target of each


def matmul_dtype(hidden: Tensor) -> torch.dtype:
    """What autocast would use; on the way back it is off, so the way there keeps it."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def raw_logits(
    hidden: Tensor, weight: Tensor, dtype: torch.dtype, a: Tensor | None, b: Tensor | None, share: float
) -> Tensor:
    h = hidden.to(dtype)
    z = torch.nn.functional.linear(h, weight.to(dtype))
    if a is not None and b is not None:
        z = z + torch.nn.functional.linear(torch.nn.functional.linear(h, a.to(dtype)), b.to(dtype)) * share
    return z


def whole(raw: Tensor, scale: float) -> Tensor:
    """In float32; in place, where it is that already."""
    z = raw.float()
    return z if scale == 1.0 else z.mul_(scale)


def blocks(z: Tensor) -> list[slice]:
    rows, vocabulary = z.shape
    size = max(1, BLOCK // vocabulary) if z.device.type == "cpu" else rows
    return [slice(start, min(rows, start + size)) for start in range(0, rows, size)]


def with_pairs(parts: list[slice], rows: Tensor, targets: Tensor) -> Iterator[tuple[slice, Pairs]]:
    """Each block with the pairs of its rows, counted from its first."""
    if len(parts) == 1:  # nobody has to ask the device
        yield parts[0], (rows, targets)
        return
    edges = torch.searchsorted(rows, torch.tensor([*(part.start for part in parts), parts[-1].stop])).tolist()
    for part, first, last in zip(parts, edges, edges[1:], strict=False):
        yield part, (rows[first:last] - part.start, targets[first:last])


class PlainHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, rows: Tensor, targets: Tensor, scale: float, keep: bool,
        a: Tensor | None, b: Tensor | None, share: float,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        ctx.scale, ctx.dtype, ctx.share = scale, matmul_dtype(hidden), share
        raw = raw_logits(hidden, weight, ctx.dtype, a, b, share)
        kept: Tensor | None = None
        logps, entropies = list[Tensor](), list[Tensor]()
        for part, (its_rows, its_targets) in with_pairs(blocks(raw), rows, targets):
            z = whole(raw[part], scale)
            z.sub_(z.amax(-1, keepdim=True))  # what is likely is near 0, where float32 is fine
            lse = torch.logsumexp(z, dim=-1)
            logps.append(z[its_rows, its_targets] - lse[its_rows])
            p = torch.softmax(z, dim=-1)
            entropies.append(lse - torch.linalg.vecdot(p, z))
            kept = placed(p, part, kept, len(raw), old=raw) if keep else None
        logp, entropy = torch.cat(logps), torch.cat(entropies)
        ctx.save_for_backward(hidden, weight, rows, targets, entropy, kept, a, b)
        ctx.set_materialize_grads(False)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, d_logp: Tensor | None, d_entropy: Tensor | None) -> tuple[Tensor | None, ...]:
        pulse.beat()
        hidden, weight, rows, targets, entropy, p, a, b = ctx.saved_tensors
        raw = p if p is not None else raw_logits(hidden, weight, ctx.dtype, a, b, ctx.share)
        pull = entropy.new_zeros(len(hidden))
        if d_logp is not None:
            pull.index_add_(0, rows, d_logp)
        dz: Tensor | None = None
        weights = d_logp if d_logp is not None else entropy.new_zeros(len(rows))
        first = 0
        for part, pairs in with_pairs(blocks(raw), rows, targets):
            its_p = raw[part] if p is not None else torch.softmax(whole(raw[part], ctx.scale), dim=-1)
            d = its_p * -pull[part].unsqueeze(1)
            if d_entropy is not None:
                surprise = its_p.clamp_min(torch.finfo(its_p.dtype).tiny).log_().add_(entropy[part].unsqueeze(1))
                d.sub_(surprise.mul_(its_p).mul_(d_entropy[part].unsqueeze(1)))
            d.index_put_(pairs, weights[first : first + len(pairs[0])], accumulate=True)
            dz = placed(d.mul_(ctx.scale).to(ctx.dtype), part, dz, len(raw))
            first += len(pairs[0])
        assert dz is not None
        d_hidden = (dz @ weight.to(ctx.dtype)).to(hidden.dtype) if ctx.needs_input_grad[0] else None
        d_weight = (dz.t() @ hidden.to(ctx.dtype)).to(weight.dtype) if ctx.needs_input_grad[1] else None
        d_a = d_b = None
        if a is not None:
            pulled, d_a, d_b = beside_backward(dz, hidden.to(ctx.dtype), a, b, ctx.share)
            d_hidden = None if d_hidden is None else d_hidden + pulled.to(hidden.dtype)
        return d_hidden, d_weight, None, None, None, None, d_a, d_b, None


def placed(block: Tensor, part: slice, there: Tensor | None, num_rows: int, old: Tensor | None = None) -> Tensor:
    """A block in the whole array of its kind, which the first one makes; one that is all there is, is the array.

    `old`: an array whose block was read already, to be written over where it is of the same kind.
    """
    if len(block) == num_rows:
        return block
    if there is None:
        there = old if old is not None and old.dtype == block.dtype else block.new_empty(num_rows, block.shape[1])
    there[part] = block
    return there


def beside_backward(dz: Tensor, h: Tensor, a: Tensor, b: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of share B A h by h, A and B."""
    inner, outer = a.to(h.dtype), b.to(h.dtype)
    d_inner = (dz @ outer).mul_(share)
    d_b = (dz.t() @ torch.nn.functional.linear(h, inner)).mul_(share)
    return d_inner @ inner, (d_inner.t() @ h).to(a.dtype), d_b.to(b.dtype)
