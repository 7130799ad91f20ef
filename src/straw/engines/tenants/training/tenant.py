"""One training model: what trains, its gradients, what Adam knows, and how many steps it has taken.

step         Adam takes a step; a snapshot that shares the weights keeps them as they were
put_away     everything to one file, and away from memory; `fetch` brings back the same bits
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from straw.engines.base import AdamParams
from straw.engines.local.training.adamw import AdamW
from straw.engines.local.training.train_state import adam_step
from straw.engines.tenants.bank import Adapter
from straw.engines.tenants.records import Shape


class Tenant:
    """`trained`: what trains, by name. `adapter` holds the same parameters; None for the base's own weights."""

    def __init__(self, shape: Shape, trained: Mapping[str, nn.Parameter], adapter: Adapter | None) -> None:
        self.shape, self.trained, self.adapter = shape, dict(trained), adapter
        self.optimizer = AdamW(self.trained.values())
        self.version = 0
        self.is_shared = False  # a snapshot has the same memory
        self.num_users = 0

    @classmethod
    def with_adapter(cls, shape: Shape, adapter: Adapter) -> Tenant:
        pairs = {layer: (nn.Parameter(a), nn.Parameter(b)) for layer, (a, b) in adapter.pairs.items()}
        own = Adapter(pairs, adapter.scale)
        return cls(shape, {name: p for name, p in own.tensors().items() if isinstance(p, nn.Parameter)}, own)

    # --- training ----------------------------------------------------------------------------

    def step(self, params: AdamParams) -> dict[str, float]:
        if self.is_shared:
            self.replace({name: p.detach().clone() for name, p in self.trained.items()})
        norm = adam_step(self.optimizer, list(self.trained.values()), params)
        self.version += 1
        return {"grad_norm": norm}

    def replace(self, weights: Mapping[str, Tensor]) -> None:
        """Others, in memory of their own."""
        for name, p in self.trained.items():
            p.data = weights[name]
        self.is_shared = False

    def restart(self, weights: Mapping[str, Tensor], state: Mapping[Tensor, dict[str, Tensor]], version: int) -> None:
        """Weights and moments of a checkpoint, no gradient."""
        self.replace(weights)
        self.optimizer.state.clear()
        self.optimizer.state.update(state)
        self.optimizer.zero_grad()
        self.version = version

    @contextmanager
    def adding(self) -> Iterator[None]:
        """The gradient grows by what happens inside, or stays as it was where that breaks or is given up.

        Where only weights of zero came it is zero, and a step of Adam is one: its moments fade.
        """
        before = {name: p.grad.clone() for name, p in self.trained.items() if p.grad is not None}
        try:
            yield
        except BaseException:
            for name, p in self.trained.items():
                p.grad = before.get(name)
            raise
        for p in self.trained.values():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad

    # --- memory ------------------------------------------------------------------------------

    def put_away(self, file: Path) -> None:
        kept = {f"{name}|weight": p.detach() for name, p in self.trained.items()}
        for name, p in self.trained.items():
            if p.grad is not None:
                kept[f"{name}|gradient"] = p.grad
            kept |= {f"{name}|{moment}": value for moment, value in self.optimizer.state.get(p, {}).items()}
        save_file({key: value.contiguous() for key, value in kept.items()}, file)
        self.optimizer.state.clear()
        for p in self.trained.values():
            p.grad, p.data = None, p.data.new_empty(0)
        self.is_shared = False

    def fetch(self, file: Path) -> None:
        kept = load_file(file)
        for name, p in self.trained.items():
            p.data = kept.pop(f"{name}|weight").to(p.device)
            if (gradient := kept.pop(f"{name}|gradient", None)) is not None:
                p.grad = gradient.to(p.device)
        for key, value in kept.items():
            name, _, moment = key.partition("|")
            self.optimizer.state[self.trained[name]][moment] = value.to(self.trained[name].device)
