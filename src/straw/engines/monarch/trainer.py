"""What the trainer process does: the local engine's training half, in slots of shared memory.

With two slots (`max_lag` asks for more):

    training 4 in slot 0    shown    generators write with it
    training 5 in slot 1             a copy of slot 0 that learns; shown when it is published
    training 6 in slot 0             only when nobody writes with 4 any more

So what trains is what generators read, and to publish is to say where it lies. Nobody ever sees weights that change
under their hands: weights that were shown are left before they change, and who may be overwritten is for the
controller to know. The slots are the controller's, so a trainer that dies takes nothing from under the generators.
A trainer on a GPU has its own weights there, and copies them into the slot when it shows it. So does one whose
generators read matrices in bfloat16 (`engines.local.halves`): the slots hold them rounded, once for all generators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from straw import outside
from straw.config import Page
from straw.engines.base import AdamParams, Loss, Policy, Tokens, TrainOutput
from straw.engines.local.build import load_worker
from straw.engines.local.halves import halve_frozen
from straw.engines.local.heap import give_back_heap
from straw.engines.monarch.generator import Version
from straw.engines.monarch.memory.shared_memory import Handle, mapped
from straw.types import Datum


def num_slots(page: Page) -> int:
    """Rollouts that are made `max_lag` steps ahead keep their version until they are trained on."""
    return max(2, page.engine.max_lag + 1)


class Trainer:
    def __init__(
        self, page: Page, slots: Sequence[Handle], start: Handle, base: Handle | None,
        code: Mapping[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        """`start` holds what trains, as it is before the first step; `base` what lies beneath adapters.

        `code`: files of code from outside that the page names, for a loss among them.
        """
        outside.adopt(code or {})
        self.engine = load_worker(page)
        parameters = dict(self.engine.model.named_parameters())
        for handle in (start, base):
            for name, tensor in (mapped(handle) if handle is not None else {}).items():
                parameters[name].data.copy_(tensor)
        self.handles, self.slots = slots, [mapped(handle) for handle in slots]
        halve_frozen(self.engine)
        is_alike = all(self.slots[0][name].dtype == p.dtype for name, p in self.engine.trained.items())
        self.lives_in_slots = self.engine.device.type == "cpu" and is_alike
        self.undoing: list[ExitStack] = []
        self.serial, self.is_shown = 0, False
        self._fill()
        give_back_heap()

    @property
    def slot(self) -> int:
        return self.serial % len(self.slots)

    def show(self, publish: bool) -> tuple[Version, bool]:
        """Where generators find the weights, and whether they may sample with them already."""
        if publish:
            self.engine.publish()
        if not self.lives_in_slots:
            self._fill()
        self.is_shown = True
        version = Version(self.engine.policy_version, self.serial, self.handles[self.slot])
        return version, self.engine.is_published

    def _leave(self) -> None:
        """What was shown stays as it is, and the next slot learns."""
        if self.is_shown:
            self.serial, self.is_shown = self.serial + 1, False
            if self.lives_in_slots:
                self._fill()

    def _fill(self) -> None:
        for name, parameter in self.engine.trained.items():
            self.slots[self.slot][name].copy_(parameter.detach())
            if self.lives_in_slots:
                parameter.data = self.slots[self.slot][name]

    def logprobs(self, data: Sequence[Datum], policy: Policy, temperature: float) -> list[list[float]]:
        return self.engine.logprobs(data, policy, temperature)

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        return self.engine.forward_backward(data, loss)

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        self._leave()
        return self.engine.optim_step(params)

    def embed_tokens(self, read: Sequence[Tokens]) -> list[list[float]]:
        return self.engine.embed_tokens(read)

    def remember(self) -> None:
        """From here on everything is taken back by `go_back`."""
        self.undoing.append(ExitStack())
        self.undoing[-1].enter_context(self.engine.undone())

    def go_back(self) -> None:
        self._leave()
        self.undoing.pop().close()

    def save(self, folder: Path, optimizer: bool) -> None:
        self.engine.save(folder, optimizer=optimizer)

    def save_base(self, folder: Path) -> None:
        self.engine.save_base(folder)

    def start_is_in(self, folder: Path) -> None:
        self.engine.start_is_in(folder)

    def load(self, folder: Path, optimizer: bool) -> None:
        self._leave()
        self.engine.load(folder, optimizer=optimizer)
