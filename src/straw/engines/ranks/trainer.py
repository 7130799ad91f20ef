"""What one rank does: the local engine's training half over its rows of the weights.

    forward_backward   its micro-batches, in step with the other ranks; the gradient's sum comes back as rows
    optim_step         clipped by the norm of the whole gradient, then Adam over its rows: nobody else's are needed
    show               its rows into the memory that the sampler looks at
    save, load         its rows of a checkpoint's two files

`Learning` is told that its rows are all there is to train. Every method is called on all ranks, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from straw import outside
from straw.algorithms.losses import loss_named
from straw.config import Page
from straw.engines.base import AdamParams, Loss, Policy
from straw.engines.local.batches import Flat, flatten, scatter
from straw.engines.local.engine import bfloat16_on
from straw.engines.local.heap import give_back_heap
from straw.engines.local.objective import objective
from straw.engines.local.training.checkpoints import OPTIMIZER, WEIGHTS, Adam
from straw.engines.local.training.reference_policy import Policies
from straw.engines.local.training.train_state import Learning
from straw.engines.monarch.memory.shared_memory import Handle, mapped
from straw.engines.ranks import checkpoints
from straw.engines.ranks.dealing import STAND_IN
from straw.engines.ranks.divided import check_names, divided, fill, local_rows, without_memory
from straw.engines.ranks.rows import Share, give
from straw.types import Datum

Groups = Sequence[Sequence[Datum]]  # of equal prompts; none: a stand-in
Rows = list[list[float]]


class RankTrainer(Learning):
    def __init__(
        self, page: Page, share: Share, config: Mapping[str, Any], trained: Handle, other: Handle,
        code: Mapping[str, bytes],
    ) -> None:  # fmt: skip
        """`trained` is memory to learn from and to show weights in; `other` what is frozen, and buffers: to be read."""
        outside.adopt(code)
        self.share, self.page = share, page
        self.device = torch.device("cuda", 0) if page.model.device.startswith("cuda") else torch.device("cpu")
        self.shown = mapped(trained)
        model, adapters = without_memory(config, page.model)
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self.shown.items()}
        check_names(model, {**self.shown, **mapped(other)})
        mesh = dist.init_device_mesh(self.device.type, (share.ranks,))
        self.whole = divided(model, page.model, self.precision, mesh)
        fill(self.whole, share, {**self.shown, **mapped(other)}, self.device)
        self._settle()
        rows = {name: nn.Parameter(mine) for name, mine in local_rows(model).items() if name in self.shapes}
        super().__init__(model, adapters, is_made=False, trained=rows)
        self.policies = RowPolicies(self.trained, self.shapes, share)
        self.undoing: list[ExitStack] = []
        give_back_heap()

    @torch.no_grad()
    def _settle(self) -> None:
        """FSDP2 puts its rows where they stay at the first reading."""
        self._measure(self._flat([]), 1.0)

    def precision(self) -> AbstractContextManager[None]:
        return nullcontext() if self.page.model.dtype == "float32" else bfloat16_on(self.device.type, False)

    # --- reading ---------------------------------------------------------------------------

    def _flat(self, groups: Groups, every_token: bool = True) -> Flat:
        """A micro-batch; where nothing in it counts, the stand-in."""
        data = [datum for group in groups for datum in group]
        if data and (every_token or any(map(any, (datum.weights for datum in data)))):
            starts = [sum(map(len, groups[:place])) for place in range(len(groups))]
            members = [[start + number for number in range(len(group))] for start, group in zip(starts, groups)]  # noqa: B905
            return flatten(data, members, self.device, every_token)
        return flatten([STAND_IN], [[0]], self.device, every_token=True)

    def _measure(self, flat: Flat, temperature: float) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = self.whole(flat, temperature)
        if not torch.is_grad_enabled():
            self.whole.reshard()  # type: ignore[operator]  # what is kept for a way back that does not come
        return found

    @torch.no_grad()
    def logprobs(self, batches: Sequence[Groups], policy: Policy, temperature: float) -> Rows:
        """Of the data of all these micro-batches, in order."""
        found: Rows = []
        with self.policies.acting_as(policy):
            for groups in batches:
                out, flat = empty(groups), self._flat(groups)
                measured = self._measure(flat, temperature)[0]
                if out:
                    scatter(out, flat, measured)
                found += out
        return found

    # --- training --------------------------------------------------------------------------

    def forward_backward(self, batches: Sequence[Groups], loss: Loss) -> tuple[Rows, dict[str, float]]:
        loss_named(loss.name)  # where it cannot be had all say so, also who has nothing to apply it to
        out: Rows = []
        sums: dict[str, float] = {}
        reference = self.logprobs(batches, "reference", loss.temperature) if loss.kl_coef else None
        for groups in batches:
            rows = empty(groups)
            before = None if reference is None else reference[len(out) : len(out) + len(rows)]
            for name, value in self._learn_from(groups, rows, loss, before).items():
                sums[name] = sums.get(name, 0.0) + value
            out += rows
        return out, sums

    def _learn_from(self, groups: Groups, rows: Rows, loss: Loss, reference: Rows | None) -> dict[str, float]:
        flat = self._flat(groups, every_token=False)
        logprobs, entropy = self._measure(flat, loss.temperature)
        metrics: dict[str, Tensor] = {}
        if not flat.weights.any():
            total = (logprobs.sum() + entropy.sum()) * 0.0
        else:
            total, metrics = objective(flat, logprobs, entropy, loss, reference)
            scatter(rows, flat, logprobs.detach())
        total.backward()
        self._gather()
        return {name: float(value) for name, value in metrics.items()}

    def _gather(self) -> None:
        """What came back from the other ranks is added to this rank's rows of the gradient."""
        for name, p in self.model.named_parameters():
            gradient: Any = p.grad
            if gradient is not None:
                rows, mine = self.trained[name], gradient.to_local()
                rows.grad = mine if rows.grad is None else rows.grad.add_(mine)
                p.grad = None

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        try:
            return super().optim_step(params)
        finally:
            give_back_heap()  # what was fetched for a while lies in holes of it

    def norm_of_all(self, norm: Tensor) -> Tensor:
        square = norm.double() ** 2
        dist.all_reduce(square)
        return square.sqrt().to(norm.dtype)

    # --- for the directing process -----------------------------------------------------------

    def show(self) -> None:
        give(self.share, self.trained, self.shown)

    def state(self) -> tuple[int, bool]:
        return self.policy_version, self.is_published

    def moments(self) -> dict[str, list[str]]:
        """Which Adam has, of each weight."""
        return {name: list(self.optimizer.state.get(p, {})) for name, p in self.trained.items()}

    def remember(self) -> None:
        """From here on everything is taken back by `go_back`."""
        self.undoing.append(ExitStack())
        self.undoing[-1].enter_context(self.undone())

    def go_back(self) -> None:
        self.undoing.pop().close()

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        """Into files that are laid out already."""
        checkpoints.write_rows(folder / WEIGHTS, self.share, self.trained)
        if optimizer:
            adam = Adam(self.optimizer.state, self.policy_version, self.is_published)
            version = torch.tensor([self.policy_version, self.is_published])
            rows = {**checkpoints.moments_of(self.trained, adam), checkpoints.VERSION: version[self.share.of(2)]}
            checkpoints.write_rows(folder / OPTIMIZER, self.share, rows)

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        weights = checkpoints.read_weights(folder, self.shapes, self.share)
        adam = Adam({}, 0, True)
        if optimizer:
            adam = checkpoints.read_adam(folder, self.trained, self.shapes, self.share)
        self.take_up(weights, adam, begins=not optimizer)


class RowPolicies(Policies):
    """The same over rows. FSDP2 looks at its memory, so weights are exchanged in their places."""

    def __init__(self, trained: Mapping[str, nn.Parameter], shapes: checkpoints.Shapes, share: Share) -> None:
        super().__init__(trained)
        self.shapes, self.share = shapes, share

    def read(self, folder: Path) -> dict[str, Tensor]:
        rows = checkpoints.read_weights(folder, self.shapes, self.share)
        return {name: tensor.to(self.trained[name].device) for name, tensor in rows.items()}

    def stays_in_place(self, weight: Tensor) -> bool:
        return True


def empty(groups: Groups) -> Rows:
    return [[0.0] * len(datum.tokens) for group in groups for datum in group]
