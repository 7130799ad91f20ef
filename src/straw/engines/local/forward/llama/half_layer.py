"""A Llama's layer in bfloat16, there and back by hand: no rounded weight and no product of gate and up is kept.

    autograd and autocast keep     every matrix once more, rounded; hidden states once for each matrix that reads them
    here                           hidden states, rounded once; the rest is made again on the way back

The same products of the same rounded numbers, summed in the same order: the bits are autocast's. An update of SmolLM2
on 525 tokens takes 0.9 GiB where it took 1.2 (`OMP_NUM_THREADS=1 python benchmarks/half_layers.py`).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from straw.engines.local.forward.llama.norms import inverse_rms, norm_backward, rotate


def is_plain(layer: Any) -> bool:
    """No adapter, bias or hook, so that its weights are all there is to it."""
    heads, mlp = layer.self_attn, layer.mlp
    parts = (heads.q_proj, heads.k_proj, heads.v_proj, heads.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
    return all(type(part) is nn.Linear and part.bias is None for part in parts)


def product(x: Tensor, weight: Tensor) -> Tensor:
    return F.linear(x, weight.to(x.dtype))


def back(dy: Tensor, x: Tensor, weight: Tensor, learns: bool) -> tuple[Tensor, Tensor | None]:
    """Gradients of a product by its rounded input, in the weight's precision, and by the weight."""
    dx = torch.mm(dy, weight.to(dy.dtype)).to(torch.float32)
    return dx, torch.mm(dy.t(), x).to(weight.dtype) if learns else None


class Before(torch.autograd.Function):
    """Hidden states -> queries and keys, turned, and values."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, norm: Tensor, q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, eps: float,
        kind: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        inverse = inverse_rms(x, eps)
        n = (x * inverse).mul_(norm).to(kind)
        ctx.save_for_backward(x, norm, inverse, n, q, k, v, cos, sin)
        width = cos.shape[-1]
        heads = [product(n, weight).view(len(x), -1, width) for weight in (q, k, v)]
        return rotate(heads[0], cos, sin), rotate(heads[1], cos, sin), heads[2]

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        x, norm, inverse, n, q, k, v, cos, sin = ctx.saved_tensors
        dq, dk = (rotate(one, cos, -sin) for one in given[:2])
        dq, dk, dv = (one.to(n.dtype).reshape(len(x), -1) for one in (dq, dk, given[2]))
        learns = ctx.needs_input_grad
        (from_v, dwv), (from_k, dwk), (from_q, dwq) = (
            back(dy, n, weight, learns[place]) for dy, weight, place in ((dv, v, 4), (dk, k, 3), (dq, q, 2))
        )
        dx, dnorm = norm_backward(from_v.add_(from_k).add_(from_q), x, norm, inverse, learns[1])
        return dx, dnorm, dwq, dwk, dwv, None, None, None, None


class Behind(torch.autograd.Function):
    """Hidden states and what was attended to -> hidden states behind the layer."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, seen: Tensor, o: Tensor, norm: Tensor, gate: Tensor, up: Tensor, down: Tensor, eps: float
    ) -> Tensor:
        y = x + product(seen, o)
        inverse = inverse_rms(y, eps)
        m = (y * inverse).mul_(norm).to(seen.dtype)
        g, u = product(m, gate), product(m, up)
        ctx.save_for_backward(seen, o, norm, gate, up, down, y, inverse, m, g, u)
        return y + product(F.silu(g) * u, down)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        seen, o, norm, gate, up, down, y, inverse, m, g, u = ctx.saved_tensors
        learns, s, rounded = ctx.needs_input_grad, F.silu(g), dy.to(seen.dtype)
        dh = torch.mm(rounded, down.to(seen.dtype))
        d_down = torch.mm(rounded.t(), s * u).to(down.dtype) if learns[6] else None
        from_up, d_up = back(dh * s, m, up, learns[5])
        from_gate, d_gate = back(torch.ops.aten.silu_backward(dh.mul_(u), g), m, gate, learns[4])
        d, d_norm = norm_backward(from_up.add_(from_gate), y, norm, inverse, learns[3])
        d = d.add_(dy)
        rounded = d.to(seen.dtype)
        d_seen = torch.mm(rounded, o.to(seen.dtype))
        d_o = torch.mm(rounded.t(), seen).to(o.dtype) if learns[2] else None
        return d, d_seen, d_o, d_norm, d_gate, d_up, d_down, None
