"""What the trainer process does: the local engine's training half, and slots of shared memory for its weights.

With two slots (`max_lag` asks for more):

    showing 4 -> slot 0      generators that still write with showing 3 look at slot 1
    showing 5 -> slot 1      written only when nobody writes with showing 3 any more

The slots belong to the controller, so a trainer that dies takes nothing from under the generators. And none of them
ever sees weights that change under its hands: who may be overwritten is for the controller to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from straw.config import Page
from straw.engines.base import AdamParams, Loss, Policy, TrainOutput
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.monarch.generator import Version
from straw.engines.monarch.shared import Handle, mapped
from straw.types import Datum


def num_slots(page: Page) -> int:
    """Attempts that are made `max_lag` steps ahead keep their version until they are trained on."""
    return max(2, page.engine.max_lag + 1)


class Trainer:
    def __init__(self, page: Page, slots: Sequence[Handle], base: Handle | None) -> None:
        """The first slot holds what trains, as it is before the first step; `base` what lies beneath adapters."""
        self.engine = with_adapters(load_engine(page), page)
        parameters = dict(self.engine.model.named_parameters())
        for handle in (slots[0], base):
            for name, tensor in (mapped(handle) if handle is not None else {}).items():
                parameters[name].data.copy_(tensor)
        self.handles, self.slots = slots, [mapped(handle) for handle in slots]
        self.undoing: list[ExitStack] = []
        self.serial = 0

    def show(self, publish: bool) -> tuple[Version, bool]:
        """The weights where generators find them, and whether they may sample with them already."""
        if publish:
            self.engine.publish()
        self.serial += 1
        place = self.serial % len(self.slots)
        for name, parameter in self.engine.trained.items():
            self.slots[place][name].copy_(parameter.detach())
        version = Version(self.engine.policy_version, self.serial, self.handles[place])
        return version, self.engine.is_published

    def logprobs(self, data: Sequence[Datum], policy: Policy, temperature: float) -> list[list[float]]:
        return self.engine.logprobs(data, policy, temperature)

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        return self.engine.forward_backward(data, loss)

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        return self.engine.optim_step(params)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self.engine.embed(texts)

    def remember(self) -> None:
        """From here on everything is taken back by `go_back`."""
        self.undoing.append(ExitStack())
        self.undoing[-1].enter_context(self.engine.undone())

    def go_back(self) -> None:
        self.undoing.pop().close()

    def save(self, folder: Path, optimizer: bool) -> None:
        self.engine.save(folder, optimizer=optimizer)

    def save_base(self, folder: Path) -> None:
        self.engine.save_base(folder)

    def load(self, folder: Path, optimizer: bool) -> None:
        self.engine.load(folder, optimizer=optimizer)
