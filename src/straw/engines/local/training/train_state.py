"""The half of the local engine that learns: what trains, Adam, and how far they have come.

    optim_step       Adam takes a step, and the sampler may not write with the new weights before `publish`
    noisy            for a while the weights are moved by noise: evolution strategies, which need no gradient
    undone           weights, Adam's moments, gradients and version are put back bit for bit
    save, load       in a checkpoint's two files; what lies frozen beneath adapters apart from them

The other half, which reads and finds the gradient, is `engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from straw.engines.base import AdamParams
from straw.engines.local.adapters.lora import save_adapter
from straw.engines.local.heap import give_back_heap
from straw.engines.local.training.adamw import AdamW
from straw.engines.local.training.checkpoints import (
    Adam,
    read_adam,
    read_base,
    read_weights,
    write_base,
    write_checkpoint,
)
from straw.engines.local.training.reference_policy import Policies
from straw.errors import TrainingError

if TYPE_CHECKING:
    from peft import PeftModel

    from straw.engines.local.models.loaded import CausalModel


class Learning:
    """Weights and an optimiser in this process."""

    def __init__(
        self, model: CausalModel, adapters: PeftModel | None, is_made: bool,
        trained: Mapping[str, nn.Parameter] | None = None,
    ) -> None:  # fmt: skip
        """`adapters` are on `model` already. `is_made`: it came from a seed, and a warm-up's work is nowhere else.

        What trains is every parameter that requires a gradient, or `trained`: the rows of them that are this process's.
        """
        self.model, self.adapters, self.is_made = model, adapters, is_made
        own = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.trained = own if trained is None else dict(trained)
        self.optimizer = AdamW(self.trained.values())
        self.policies = Policies(self.trained)
        self.policy_version = 0
        self.is_published = True  # whether the sampler has the newest weights
        self.changes = 0  # of the weights, whatever their version is called

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        self.policies.leave_start()
        norm = adam_step(self.optimizer, list(self.trained.values()), params, self.norm_of_all)
        self.is_published, self.changes = False, self.changes + 1
        return {"grad_norm": norm}

    def norm_of_all(self, norm: Tensor) -> Tensor:
        """Of the gradient, from the norm of what is here; all is."""
        return norm

    def publish(self) -> int:
        if not self.is_published:
            self.policy_version += 1
            self.is_published = True
        return self.policy_version

    # --- named policies --------------------------------------------------------------------

    def start_is_in(self, folder: Path) -> None:
        self.policies.start_is_in(folder)

    def set_reference(self, folder: Path) -> None:
        """Compare with the weights of a checkpoint instead of the start."""
        self.policies.refer_to(folder)

    @contextmanager
    def undone(self) -> Iterator[None]:
        weights = {name: p.detach().clone() for name, p in self.trained.items()}
        state = {p: {key: value.clone() for key, value in slots.items()} for p, slots in self.optimizer.state.items()}
        gradients = {name: p.grad for name, p in self.trained.items()}
        version, published = self.policy_version, self.is_published
        self.optimizer.zero_grad()
        try:
            with self.policies.undone(weights):
                yield
        finally:
            for name, p in self.trained.items():
                p.data.copy_(weights[name])
                p.grad = gradients[name]
            self.optimizer.state.clear()
            self.optimizer.state.update(state)
            self.policy_version, self.is_published, self.changes = version, published, self.changes + 1

    # --- noise ---------------------------------------------------------------------------------

    @contextmanager
    def noisy(self, seed: int, scale: float) -> Iterator[None]:
        before = [p.detach().clone() for p in self.trained.values()]
        add_normal(list(self.trained.values()), seed, scale)
        self.changes += 1
        try:
            yield
        finally:
            self.changes += 1
            for p, kept in zip(self.trained.values(), before, strict=True):
                p.data.copy_(kept)

    def add_noise(self, seeds: Sequence[int], scales: Sequence[float]) -> None:
        self.policies.leave_start()
        for seed, scale in zip(seeds, scales, strict=True):
            add_normal(list(self.trained.values()), seed, scale)
        self.is_published, self.changes = False, self.changes + 1

    def let_go(self) -> None:
        """Give the memory back: the weights live on elsewhere."""
        for parameter in self.model.parameters():
            parameter.data = parameter.data.new_empty(0)
        self.optimizer.state.clear()
        self.policies.kept.clear()
        give_back_heap()

    @property
    def trained_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.trained.values())

    # --- keeping ---------------------------------------------------------------------------

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.adapters is not None:
            save_adapter(self.adapters, folder / "adapter", self.model.name_or_path)
        adam = Adam(self.optimizer.state, self.policy_version, self.is_published) if optimizer else None
        write_checkpoint(folder, self.trained, adam)

    def frozen(self) -> dict[str, Tensor]:
        """What no name would bring back: the weights beneath adapters on a model that was made here."""
        if not self.is_made:
            return {}
        return {name: p.data for name, p in self.model.named_parameters() if name not in self.trained}

    def save_base(self, folder: Path) -> None:
        if frozen := self.frozen():
            write_base(folder, frozen)

    def load_base(self, folder: Path) -> None:
        if frozen := self.frozen():
            read_base(folder, frozen)
            self.changes += 1

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        weights, adam = read_weights(folder, self.trained), Adam({}, 0, True)
        if optimizer:
            adam = read_adam(folder, self.trained)
        self.take_up(weights, adam, begins=not optimizer)

    def take_up(self, weights: Mapping[str, Tensor], adam: Adam, *, begins: bool) -> None:
        """Go on from these; `begins`: they are the start."""
        if begins:
            self.policies.begin_here()
        else:
            self.policies.leave_start()
        self.optimizer.state.clear()
        self.optimizer.state.update(adam.state)
        self.optimizer.zero_grad()
        with torch.no_grad():
            for name, p in self.trained.items():
                p.copy_(weights[name])
        self.policy_version, self.is_published = adam.policy_version, adam.is_published
        self.changes += 1


def add_normal(trained: Sequence[nn.Parameter], seed: int, scale: float) -> None:
    """Drawn on the CPU, parameter after parameter, so that it is the same on every device."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    for p in trained:
        p.data.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device), alpha=scale)


def adam_step(
    optimizer: AdamW, trained: Sequence[nn.Parameter], params: AdamParams,
    of_all: Callable[[Tensor], Tensor] = lambda norm: norm,
) -> float:  # fmt: skip
    """The gradient's norm before it was clipped; the gradient is gone afterwards, whatever happened.

    `of_all`: from the norm of these to that of the whole gradient, where others have a part of it.
    """
    parameters = [p for p in trained if p.grad is not None]
    norm = of_all(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))
    if not bool(torch.isfinite(norm)):
        optimizer.zero_grad()
        raise TrainingError(f"the gradient is not finite (norm {float(norm)}): no step was taken")
    if params.grad_clip:
        torch.nn.utils.clip_grads_with_norm_(parameters, params.grad_clip, norm)
    optimizer.step(params)
    optimizer.zero_grad()
    return float(norm)
