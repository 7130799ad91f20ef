"""A loss from a file, to be given to ranks: one of them goes to sleep in it, or ends itself."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

import torch.distributed as dist
from torch import Tensor


def asleep(batch: object, settings: Mapping[str, float]) -> Tensor:
    if dist.get_rank() == 1:
        time.sleep(1000)
    return batch.logprobs.sum()  # type: ignore[attr-defined, no-any-return]


def ended(batch: object, settings: Mapping[str, float]) -> Tensor:
    if dist.get_rank() == 1:
        os._exit(3)
    return batch.logprobs.sum()  # type: ignore[attr-defined, no-any-return]


def raising(batch: object, settings: Mapping[str, float]) -> Tensor:
    if dist.get_rank() == 1:
        raise ValueError("a loss of one rank")
    return batch.logprobs.sum()  # type: ignore[attr-defined, no-any-return]
