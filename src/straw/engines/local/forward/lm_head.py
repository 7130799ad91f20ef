"""From hidden states to log-probabilities and entropies, in float32 and in chunks.

    logp[n] = z[n, target] - logsumexp z[n]        entropy[n] = logsumexp z[n] - sum_v p z
    z = head(hidden) / temperature

A large vocabulary is taken some positions at a time and the logits are computed again on the way back, so no more than
two arrays of BUDGET numbers exist at once; a small one is kept. Most heads have a gradient by hand (`plain_head`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from straw.engines.batch_invariant import again
from straw.engines.local import heartbeat as pulse
from straw.engines.local.forward.packed_weights import Packed
from straw.engines.local.forward.plain_head import PlainHead, matmul_dtype, raw_logits, whole

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
    z = whole(raw_logits(hidden, head.weight, matmul_dtype(hidden), *beside), head.multiplier)
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
