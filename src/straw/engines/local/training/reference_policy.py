"""The weights that an engine may be asked to act as, beside those that train.

    current      what trains
    start        as it was before the first step
    reference    what a KL is measured to: the start, unless a checkpoint was named

A start that stands in a folder anyway is read when somebody asks, and until then takes no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor, nn

from straw.engines.base import Policy
from straw.engines.local.training.checkpoints import read_weights
from straw.engines.precision import keeps_bits


class Policies:
    def __init__(self, trained: Mapping[str, nn.Parameter]) -> None:
        self.trained = trained
        self.kept: dict[Policy, dict[str, Tensor]] = {}
        self.start_folder: Path | None = None
        self.is_at_start = True
        self.version = 0  # of the reference: it is another one than before

    def leave_start(self) -> None:
        """Called before every change; at the first one the start is copied, unless a folder has it."""
        if self.is_at_start and self.start_folder is None and "start" not in self.kept:
            self.kept["start"] = {name: p.detach().clone() for name, p in self.trained.items()}
        self.is_at_start = False

    def begin_here(self) -> None:
        """What trains now is the start."""
        self.kept.pop("start", None)
        self.start_folder, self.is_at_start = None, True
        self.version += 1

    def start_is_in(self, folder: Path) -> None:
        self.kept.pop("start", None)
        self.start_folder = folder
        self.version += 1

    def refer_to(self, folder: Path) -> None:
        """Compare with the weights of a checkpoint instead of the start."""
        self.kept["reference"] = self.read(folder)
        self.version += 1

    def read(self, folder: Path) -> dict[str, Tensor]:
        return read_weights(folder, self.trained)

    def weights_of(self, policy: Policy) -> dict[str, Tensor] | None:
        """None: those that train."""
        if policy == "current":
            return None
        if policy == "reference" and "reference" in self.kept:
            return self.kept["reference"]
        if self.is_at_start:
            return None
        if "start" not in self.kept and self.start_folder is not None:
            self.kept["start"] = self.read(self.start_folder)  # who asked once will ask again
        return self.kept["start"]

    @contextmanager
    def undone(self, weights: dict[str, Tensor]) -> Iterator[None]:
        """`weights`: a copy of those that train, which is the start's too where nothing was changed yet."""
        kept, folder, is_at_start = dict(self.kept), self.start_folder, self.is_at_start
        if is_at_start:
            self.kept["start"] = weights
        try:
            yield
        finally:
            self.version += 1
            self.kept, self.start_folder, self.is_at_start = kept, folder, is_at_start

    @contextmanager
    def acting_as(self, policy: Policy) -> Iterator[None]:
        weights = self.weights_of(policy)
        if weights is None:
            yield
            return
        self._exchange(weights)
        try:
            yield
        finally:
            self._exchange(weights)

    def stays_in_place(self, weight: Tensor) -> bool:
        return not keeps_bits(weight.device)

    def _exchange(self, weights: dict[str, Tensor]) -> None:
        """What trains and these. Off the CPU each stays in its place, where a captured graph would look for it."""
        for name, p in self.trained.items():
            if not self.stays_in_place(p):
                p.data, weights[name] = weights[name], p.data
                continue
            mine = p.detach().clone()
            p.data.copy_(weights[name])
            weights[name].copy_(mine)
