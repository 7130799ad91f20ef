"""Weights for a process that shares no memory with the trainer: straight from the trainer's process, in chunks.

    source  = process.beside("source", Source, handles)      an actor of its own, in the trainer's process: source_actor
    weights = Fetched(source, deadline_s)(handle)             tensors of this process's own

It takes the place of `mapped` (see `shared`), which looks at the same handles. The source answers while the trainer
computes, and nothing passes through the controller. A tensor in `halved` travels, and is kept, as bfloat16.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor

from straw.engines.local import heartbeat as pulse
from straw.engines.monarch.memory.shared_memory import Handle
from straw.errors import EngineLost

CHUNK = 4 * 2**20  # bytes in a message; larger ones are copied more often, and slower
AT_ONCE = 8  # messages under way


class Fetched:
    """Copies of what lies behind a handle; the next version is written over them, so nobody may be sampling."""

    def __init__(self, source: Any, deadline_s: float, halved: Collection[str] = frozenset()) -> None:
        self.source, self.deadline_s, self.halved = source, deadline_s, halved
        self.own: dict[str, Tensor] = {}

    def __call__(self, handle: Handle) -> dict[str, Tensor]:
        for name, place in handle.places.items():
            dtype = torch.bfloat16 if name in self.halved else place.dtype
            if name not in self.own or self.own[name].dtype != dtype:
                self.own[name] = torch.empty(place.shape, dtype=dtype)
        under_way: deque[tuple[Tensor, Any]] = deque()
        for name, start, end in self.parts(handle):
            if len(under_way) == AT_ONCE:
                self._arrive(*under_way.popleft())
            room = self.own[name].view(-1)[start:end]
            under_way.append((room, self.source.read.call_one(handle.path, name, start, end, room.dtype)))
        while under_way:
            self._arrive(*under_way.popleft())
        return {name: self.own[name] for name in handle.places}

    def parts(self, handle: Handle) -> Iterator[tuple[str, int, int]]:
        for name in handle.places:
            size = self.own[name].numel()
            step = CHUNK // self.own[name].element_size()
            yield from ((name, start, min(start + step, size)) for start in range(0, size, step))

    def _arrive(self, room: Tensor, answer: Any) -> None:
        pulse.beat()
        try:
            chunk = answer.get(timeout=self.deadline_s)
        except Exception as error:  # whatever it is, the trainer's process is where it has to be mended
            raise EngineLost(f"the weights did not come from the trainer ({type(error).__name__})") from error
        room.copy_(torch.frombuffer(bytearray(chunk), dtype=room.dtype))
