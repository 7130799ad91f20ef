"""AdamW in torch's fused kernel, without what torch.optim imports for compilers when an optimiser is made.

    step  ->  m = b1 m + (1 - b1) g      v = b2 v + (1 - b2) g^2      w = w - lr (wd w + m' / (sqrt(v') + eps))

The bits, the state and its names are those of torch.optim.AdamW(fused=True), so either reads what the other kept. What
a step is made with comes with the step, and nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from straw.engines.base import AdamParams


class AdamW:
    """`state`: of each parameter its step, exp_avg and exp_avg_sq, from its first gradient on."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters: list[Tensor] = list(parameters)
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self, params: AdamParams) -> None:
        pairs = [(p, p.grad) for p in self.parameters if p.grad is not None]
        moved, gradients = [p for p, _ in pairs], [gradient for _, gradient in pairs]
        if not moved:
            return
        kept = [self._state_of(p) for p in moved]
        steps, first, second = ([one[name] for one in kept] for name in ("step", "exp_avg", "exp_avg_sq"))
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            moved, gradients, first, second, [], steps,
            lr=params.learning_rate, beta1=params.beta1, beta2=params.beta2, weight_decay=params.weight_decay,
            eps=params.eps, amsgrad=False, maximize=False,
        )  # fmt: skip

    def _state_of(self, p: Tensor) -> dict[str, Tensor]:
        if not self.state[p]:
            self.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device),
                "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p),
            }  # fmt: skip
        return self.state[p]
