"""A norm by root mean squares and rotary positions, there and back by hand."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    if x.device.type == "cuda":  # where torch has one kernel for it, each way
        return F.rms_norm(x, x.shape[-1:], weight, eps)
    if torch.is_grad_enabled():
        return RmsNorm.apply(x, weight, eps)
    return (x * inverse_rms(x, eps)).mul_(weight)


def inverse_rms(x: Tensor, eps: float) -> Tensor:
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()


def norm_backward(dy: Tensor, x: Tensor, weight: Tensor, inverse: Tensor, learns: bool) -> tuple[Tensor, Tensor | None]:
    """Gradients by x and by the weight, where it learns."""
    unit = x * inverse
    dw = (dy * unit).sum(0) if learns else None
    g = dy * weight
    along = (g * unit).mean(-1, keepdim=True)
    return g.sub_(unit.mul_(along)).mul_(inverse), dw


class RmsNorm(torch.autograd.Function):
    """y = w * x / rms(x), keeping only x and 1/rms for the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        inverse = inverse_rms(x, eps)
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        return *norm_backward(dy, x, weight, inverse, ctx.needs_input_grad[1]), None


class Rotate(torch.autograd.Function):
    """Rotary positions for [N, H, D]; the gradient is the rotation back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return rotate(dy, cos, -sin), None, None


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """[N, 1, D] each; sin has the sign of the half it stands for, since the halves turn against each other."""
    return (x * cos).addcmul_(x.roll(x.shape[-1] // 2, -1), sin)
