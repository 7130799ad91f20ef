"""Numbers that change over a run, as functions of the step."""

from __future__ import annotations

from math import ceil, cos, pi

from straw.config import Optimizer


def share_left(step: int, num_steps: int) -> float:
    """1 at the first step, falling in a line towards 0 behind the last."""
    return 1.0 - step / num_steps


def rising_steps(optimizer: Optimizer, num_steps: int) -> int:
    """As a number, or as a share of all updates, rounded up."""
    return optimizer.lr_warmup_steps or ceil(optimizer.lr_warmup * num_steps)


def learning_rate_at(optimizer: Optimizer, step: int, num_steps: int) -> float:
    """The rate of a step counted from 0: a linear rise over the first steps, then the schedule."""
    full, rise = float(optimizer.learning_rate or 0.0), rising_steps(optimizer, num_steps)
    if step < rise:
        return full * (step + 1) / rise
    if optimizer.schedule == "constant":
        return full
    left = share_left(step - rise, max(1, num_steps - rise))
    return full * (left if optimizer.schedule == "linear" else 0.5 * (1 - cos(pi * left)))
