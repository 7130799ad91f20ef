"""The gradient of one micro-batch, and the log-probability of every cell in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from straw.engines.local.forward.hf_reader import Reader
from straw.engines.local.forward.lm_head import BUDGET, Head, log_probabilities
from straw.engines.tenants.records import Gradient
from straw.engines.tenants.training.batches import Flat, Wanted
from straw.engines.tenants.training.checks import Asked, Floats
from straw.engines.tenants.training.losses import Cells


@dataclass(slots=True)
class Found:
    """A call's results as they come in, a place for every cell."""

    asked: Asked
    logprobs: Floats
    losses: Floats
    metrics: dict[str, float] = field(default_factory=dict)

    @classmethod
    def nothing_yet(cls, asked: Asked) -> Found:
        size = asked.first[-1]
        return cls(asked, np.zeros(size, np.float32), np.zeros(size, np.float32), {"loss:sum": 0.0})

    def count(self, **sums: float) -> None:
        for name, value in sums.items():
            self.metrics[f"{name}:sum"] = self.metrics.get(f"{name}:sum", 0.0) + value

    def gradient(self) -> Gradient:
        by_example = self.asked.by_example
        return Gradient(by_example(self.logprobs), by_example(self.losses), self.metrics)


def add_gradient(reader: Reader, head: Head, flat: Flat, found: Found, *, forward_only: bool) -> None:
    """`forward_only`: leave the gradients alone."""
    found.count(tokens_read=len(flat.tokens))
    trains = bool(len(flat.trained.cells))
    with torch.set_grad_enabled(trains and not forward_only):
        hidden = reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
        if trains:
            train(head, hidden, flat, found, forward_only=forward_only)
    if len(flat.read.cells):
        found.logprobs[flat.read.cells] = read(head, hidden.detach(), flat.read).numpy(force=True)


def train(head: Head, hidden: Tensor, flat: Flat, found: Found, *, forward_only: bool) -> None:
    wanted, asked = flat.trained, found.asked
    logprobs, entropy = log_probabilities(head, hidden[wanted.states], wanted.rows, wanted.targets)
    losses = asked.loss.function(logprobs, flat.inputs, asked.settings)
    total = losses.sum()
    if not forward_only:
        total.backward()  # type: ignore[no-untyped-call]
    found.logprobs[wanted.cells] = logprobs.numpy(force=True)
    found.losses[wanted.cells] = losses.numpy(force=True)
    found.count(**sums(total.detach(), logprobs.detach(), entropy.detach(), flat.inputs))


def sums(total: Tensor, logprobs: Tensor, entropy: Tensor, inputs: Cells) -> dict[str, float]:
    """What is told beside the loss; kl_sampler is the sampler's log-probability less the trainer's."""
    told = {"loss": total, "entropy": entropy.sum(), "weight": inputs.weights.sum()}
    if (inputs.sampler_logprobs != 0).any():
        told["kl_sampler"] = (inputs.sampler_logprobs - logprobs).sum()
    return {**{name: float(value) for name, value in told.items()}, "tokens_trained": float(len(logprobs))}


@torch.no_grad()
def read(head: Head, hidden: Tensor, wanted: Wanted) -> Tensor:
    """Log-probabilities alone, some states at a time."""
    size = max(1, BUDGET // head.weight.shape[0])
    starts = range(0, len(wanted.states), size)
    edges = torch.searchsorted(
        wanted.rows, torch.tensor([*starts, len(wanted.states)], device=wanted.rows.device)
    ).tolist()
    out = []
    for start, first, last in zip(starts, edges, edges[1:], strict=False):
        z = head.logits(hidden[wanted.states[start : start + size]])
        rows = wanted.rows[first:last] - start
        out.append(z[rows, wanted.targets[first:last]] - z.logsumexp(-1)[rows])
    return torch.cat(out)
