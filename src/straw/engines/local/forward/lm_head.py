"""From hidden states to log-probabilities and entropies, in float32 and in chunks.

    logp[n] = z[n, target] - logsumexp z[n]        entropy[n] = logsumexp z[n] - sum_v p z
    z = head(hidden) / temperature

The gradient is written by hand: d logp / dz = onehot - p, d entropy / dz = -p (log p + entropy).
A large vocabulary is taken some positions at a time and the logits are computed again on the way
back, so no more than a few arrays of BUDGET numbers exist at once; a small one is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from straw.engines.batch_invariant import again
from straw.engines.local import heartbeat as pulse
from straw.engines.local.forward.packed_weights import Packed

if TYPE_CHECKING:
    from straw.engines.local.models.loaded import CausalModel

BUDGET = 48 * 2**20  # logits at once, 192 MiB of float32
LowRank = tuple[Tensor, Tensor, float]  # A [rank, width], B [vocabulary, rank] and a scale: an adapter on the head


@dataclass(frozen=True, slots=True)
class Head:
    """The last matrix and what some architectures do to its logits."""

    weight: Tensor
    bias: Tensor | None
    multiplier: float = 1.0
    softcap: float | None = None
    packed: Packed | None = None  # the matrix again, where it takes no gradient

    @classmethod
    def of(cls, model: CausalModel) -> Head:
        layer, config = model.get_output_embeddings(), model.config.get_text_config()
        multiplier = getattr(config, "logit_scale", None) or 1.0 / (getattr(config, "logits_scaling", None) or 1.0)
        softcap = getattr(config, "final_logit_softcapping", None)
        return cls(layer.weight, getattr(layer, "bias", None), multiplier, softcap)

    def logits(self, hidden: Tensor, temperature: float = 1.0) -> Tensor:
        """[M, width] -> [M, vocabulary] float32."""
        z = self.raw(hidden).float()
        if self.multiplier != 1.0:
            z = z * self.multiplier
        if self.softcap is not None:
            z = torch.tanh(z / self.softcap) * self.softcap
        return z if temperature == 1.0 else z / temperature

    def raw(self, hidden: Tensor) -> Tensor:
        if self.packed is not None and not torch.is_grad_enabled():
            return self.packed.times(hidden)
        return torch.nn.functional.linear(hidden, self.weight, self.bias)

    def low_rank(self) -> LowRank | None:
        """What stands beside the matrix, for a head that may have an adapter."""
        return None

    @property
    def is_plain(self) -> bool:
        return self.bias is None and self.softcap is None


def log_probabilities(
    head: Head, hidden: Tensor, rows: Tensor, targets: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """[M, width], and N (row, target) pairs with rows in order -> ([N] log-probabilities, [M] entropies).

    Several targets may stand on one row: the first tokens of a group, or a distribution to learn.
    """
    vocabulary = head.weight.shape[0]
    size = max(1, BUDGET // vocabulary)
    keep = len(hidden) <= size
    beside = head.low_rank() or (None, None, 0.0)
    starts = range(0, len(hidden), size)
    edges = [0, len(rows)]
    if len(starts) > 1:  # or nobody has to ask the device
        edges = torch.searchsorted(rows, torch.tensor([*starts, len(hidden)], device=rows.device)).tolist()
    out = []
    for start, first, last in zip(starts, edges, edges[1:], strict=False):
        pulse.beat()
        piece, pairs = hidden[start : start + size], (rows[first:last] - start, targets[first:last])
        if head.is_plain:
            out.append(PlainHead.apply(piece, head.weight, *pairs, head.multiplier / temperature, keep, *beside))
        else:
            out.append(by_autograd(head, piece, *pairs, temperature))
    return torch.cat([logp for logp, _ in out]), torch.cat([entropy for _, entropy in out])


@torch.no_grad()
def read_alone(head: Head, hidden: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
    """The log-probabilities of `log_probabilities`, bit for bit, without entropies."""
    if not head.is_plain:
        return torch.log_softmax(head.logits(hidden), dim=-1)[rows, targets]
    beside = head.low_rank() or (None, None, 0.0)
    z = plain_logits(hidden, head.weight, head.multiplier, matmul_dtype(hidden), *beside)
    z.sub_(z.amax(-1, keepdim=True))
    return z[rows, targets] - torch.logsumexp(z, dim=-1)[rows]


def by_autograd(head: Head, hidden: Tensor, rows: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Any head; logits are computed again on the way back."""

    def measure(h: Tensor) -> tuple[Tensor, Tensor]:
        logp = torch.log_softmax(head.logits(h, temperature), dim=-1)
        return logp[rows, targets], -(logp.exp() * logp).sum(-1)

    if not torch.is_grad_enabled():
        return measure(hidden)
    return checkpoint(measure, hidden, use_reentrant=False, context_fn=again)


def matmul_dtype(hidden: Tensor) -> torch.dtype:
    """What autocast would use; on the way back it is off, so the way there keeps it."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def plain_logits(
    hidden: Tensor, weight: Tensor, scale: float, dtype: torch.dtype, a: Tensor | None, b: Tensor | None, share: float
) -> Tensor:
    h = hidden.to(dtype)
    z = torch.nn.functional.linear(h, weight.to(dtype))
    if a is not None and b is not None:
        z = z + torch.nn.functional.linear(torch.nn.functional.linear(h, a.to(dtype)), b.to(dtype)) * share
    z = z.float()
    return z if scale == 1.0 else z.mul_(scale)


class PlainHead(torch.autograd.Function):
    """A head without bias or cap, forward and backward by hand, with one [M, V] buffer.

    With an adapter beside it:  z = W h + share B A h,  so that  dA = share (dz B)^T h,  dB = share dz^T (A h).
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, rows: Tensor, targets: Tensor, scale: float, keep: bool,
        a: Tensor | None, b: Tensor | None, share: float,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        ctx.scale, ctx.dtype, ctx.share = scale, matmul_dtype(hidden), share
        z = plain_logits(hidden, weight, scale, ctx.dtype, a, b, share)
        z.sub_(z.amax(-1, keepdim=True))  # what is likely is near 0, where float32 is fine
        lse = torch.logsumexp(z, dim=-1)
        logp = z[rows, targets] - lse[rows]
        p = torch.softmax(z, dim=-1)
        entropy = lse - torch.linalg.vecdot(p, z)
        ctx.save_for_backward(hidden, weight, rows, targets, entropy, p if keep else None, a, b)
        ctx.set_materialize_grads(False)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, d_logp: Tensor | None, d_entropy: Tensor | None) -> tuple[Tensor | None, ...]:
        pulse.beat()
        hidden, weight, rows, targets, entropy, p, a, b = ctx.saved_tensors
        if p is None:
            p = torch.softmax(plain_logits(hidden, weight, ctx.scale, ctx.dtype, a, b, ctx.share), dim=-1)
        pull = p.new_zeros(len(hidden))
        if d_logp is not None:
            pull.index_add_(0, rows, d_logp)
        dz = p * -pull.unsqueeze(1)
        if d_entropy is not None:
            surprise = p.clamp_min(torch.finfo(p.dtype).tiny).log_().add_(entropy.unsqueeze(1))
            dz.sub_(surprise.mul_(p).mul_(d_entropy.unsqueeze(1)))
        if d_logp is not None:
            dz.index_put_((rows, targets), d_logp, accumulate=True)
        dz = dz.mul_(ctx.scale).to(ctx.dtype)
        d_hidden = (dz @ weight.to(ctx.dtype)).to(hidden.dtype) if ctx.needs_input_grad[0] else None
        d_weight = (dz.t() @ hidden.to(ctx.dtype)).to(weight.dtype) if ctx.needs_input_grad[1] else None
        d_a = d_b = None
        if a is not None:
            pulled, d_a, d_b = beside_backward(dz, hidden.to(ctx.dtype), a, b, ctx.share)
            d_hidden = None if d_hidden is None else d_hidden + pulled.to(hidden.dtype)
        return d_hidden, d_weight, None, None, None, None, d_a, d_b, None


def beside_backward(dz: Tensor, h: Tensor, a: Tensor, b: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of share B A h by h, A and B."""
    inner, outer = a.to(h.dtype), b.to(h.dtype)
    d_inner = (dz @ outer).mul_(share)
    d_b = (dz.t() @ torch.nn.functional.linear(h, inner)).mul_(share)
    return d_inner @ inner, (d_inner.t() @ h).to(a.dtype), d_b.to(b.dtype)
