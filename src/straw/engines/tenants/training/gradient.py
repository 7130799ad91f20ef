"""The gradient of one micro-batch, and the log-probability of every cell in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from straw.engines.local.forward.lm_head import BUDGET, Head, log_probabilities, read_alone
from straw.engines.local.forward.reader import Reader
from straw.engines.tenants.records import Gradient
from straw.engines.tenants.training.batches import Flat, Wanted
from straw.engines.tenants.training.checks import Asked, Floats
from straw.engines.tenants.training.losses import Cells

TOLD = ("loss", "tokens_read", "tokens_trained", "entropy", "kl_sampler")
Precision = Callable[[], AbstractContextManager[None]]


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
        told = TOLD if asked.loss.needs else TOLD[:-1]  # the same names for every part of a call that is sent in parts
        metrics = dict.fromkeys((f"{name}:sum" for name in told), 0.0)
        return cls(asked, np.zeros(size, np.float32), np.zeros(size, np.float32), metrics)

    def count(self, **sums: float) -> None:
        for name, value in sums.items():
            if f"{name}:sum" in self.metrics:
                self.metrics[f"{name}:sum"] += value

    def gradient(self) -> Gradient:
        by_example = self.asked.by_example
        return Gradient(by_example(self.logprobs), by_example(self.losses), self.metrics)


def add_gradient(
    reader: Reader, head: Head, precision: Precision, flat: Flat, found: Found, *, forward_only: bool
) -> None:
    """`forward_only`: leave the gradients alone. The way back is outside of `precision`, as autograd wants it."""
    found.count(tokens_read=len(flat.tokens))
    trained, read = flat.trained, flat.read
    with torch.set_grad_enabled(bool(len(trained.cells)) and not forward_only):
        with precision():
            hidden = reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
            if len(read.cells):
                found.logprobs[read.cells] = read_logprobs(head, hidden.detach(), read).numpy(force=True)
            if not len(trained.cells):
                return
            logprobs, entropy = log_probabilities(head, hidden[trained.states], trained.rows, trained.targets)
        losses = found.asked.loss.function(logprobs, flat.inputs, found.asked.settings)
        total = losses.sum()
        if not forward_only:
            total.backward()
    found.logprobs[trained.cells] = logprobs.numpy(force=True)
    found.losses[trained.cells] = losses.numpy(force=True)
    tell(found, losses.detach(), logprobs.detach(), entropy[trained.rows].detach(), flat.inputs)


def tell(found: Found, losses: Tensor, logprobs: Tensor, entropy: Tensor, inputs: Cells) -> None:
    """Sums over what trains; kl_sampler is the sampler's log-probability less the trainer's."""
    found.count(
        loss=float(losses.sum()), entropy=float(entropy.sum()), tokens_trained=len(losses),
        kl_sampler=float((inputs.sampler_logprobs - logprobs).sum()),
    )  # fmt: skip


@torch.no_grad()
def read_logprobs(head: Head, hidden: Tensor, wanted: Wanted) -> Tensor:
    """Log-probabilities alone, some states at a time."""
    size = max(1, BUDGET // head.weight.shape[0])
    starts = range(0, len(wanted.states), size)
    edges = torch.searchsorted(
        wanted.rows, torch.tensor([*starts, len(wanted.states)], device=wanted.rows.device)
    ).tolist()
    out = []
    for start, first, last in zip(starts, edges, edges[1:], strict=False):
        states, rows = wanted.states[start : start + size], wanted.rows[first:last] - start
        out.append(read_alone(head, hidden[states], rows, wanted.targets[first:last]))
    return torch.cat(out)
