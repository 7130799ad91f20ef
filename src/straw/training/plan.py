"""A plan: a page without gaps, and the parts of a run that need no model. Everything in training reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any

from straw.algorithms.baselines import Credit
from straw.algorithms.row import Algorithm
from straw.config import Page
from straw.config.page import options_beside
from straw.engines.base import AdamParams
from straw.rewards.channel import Channel
from straw.tasks.base import Enumerable, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`origins` says of each option where its value came from, `notes` what was chosen for somebody who may wonder."""

    page: Page
    task: Task
    channel: Channel
    row: Algorithm
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_sft(self) -> bool:
        return self.row.is_supervised

    @property
    def charged_channel(self) -> Channel | None:
        """What the ledger charges for; None where what is learned does not come from rewards alone."""
        return None if self.is_sft or self.row.has_teacher else self.channel

    @property
    def ceiling_bits(self) -> float | None:
        """What there is to know, where answers can be listed."""
        return log2(self.task.space) if isinstance(self.task, Enumerable) else None

    @property
    def has_answers(self) -> bool:
        """Whether the task can tell right from wrong; rows of somebody's data may have prompts alone."""
        return getattr(self.task, "has_golds", True)

    @property
    def episodes_per_step(self) -> int:
        return self.page.algorithm.group_size * self.page.algorithm.batch_size

    @property
    def own_options(self) -> dict[str, Any]:
        """Those that no other algorithm has."""
        return {name: getattr(self.page.algorithm, name) for name in options_beside(type(self.page.algorithm))}

    @property
    def loss_settings(self) -> dict[str, Any]:
        algorithm = self.page.algorithm
        cap = {} if algorithm.ratio_cap is None else {"ratio_cap": algorithm.ratio_cap}
        return {"clip_low": algorithm.clip_low, "clip_high": algorithm.clip_high, **cap, **self.own_options}

    def credit(self) -> Credit:
        algorithm = self.page.algorithm
        return Credit(
            baseline=str(algorithm.baseline), constant=algorithm.baseline_constant, decay=algorithm.ema_decay,
            optimism=algorithm.optimism, running_mean=algorithm.ema_start, moves=algorithm.ema_update,
            own=self.own_options,
        )  # fmt: skip

    def adam(self, learning_rate: float) -> AdamParams:
        optimizer = self.page.optimizer
        return AdamParams(
            learning_rate=learning_rate, beta1=optimizer.beta1, beta2=optimizer.beta2, eps=optimizer.eps,
            weight_decay=optimizer.weight_decay, grad_clip=optimizer.grad_clip,
        )  # fmt: skip
