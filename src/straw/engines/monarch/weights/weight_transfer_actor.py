"""Who gives weights to processes that share no memory with the trainer: an actor beside it (see `source.Fetched`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monarch.actor import Actor, endpoint

from straw.engines.monarch.memory.shared_memory import Handle, mapped


class Source(Actor):
    """Reads what lies behind the handles, for whoever asks."""

    def __init__(self, handles: Sequence[Handle]) -> None:
        self.tensors = {handle.path: mapped(handle) for handle in handles}

    @endpoint
    def read(self, path: str, name: str, start: int, end: int, dtype: torch.dtype) -> bytes:
        part = self.tensors[path][name].view(-1)[start:end].to(dtype)
        return part.view(torch.uint8).numpy().tobytes()
