"""New weights between two tokens: a board in shared memory says which are the newest, and who has taken which.

    trainer shows 7      newest = 7           the controller writes it when the weights are in their place
    generator 1          taken[1] = 7         written when it has left 6, before its next token

A generator that has taken 7 looks at nothing older, so the memory of 6 may be written over. A token's
log-probability is that of the weights that wrote it, whatever weights read the tokens before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.reader import Layout, Reader
from straw.engines.monarch.memory.shared_memory import Handle, Shared, mapped


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a generator needs to know of the board; `slots[serial % n]` holds the weights of a serial."""

    board: Handle
    slots: Sequence[Handle]
    generator: int


class Board:
    """The controller's side."""

    def __init__(self, num_generators: int) -> None:
        self.memory = Shared.holding(
            {"newest": torch.zeros(1, dtype=torch.int64), "taken": torch.zeros(num_generators, dtype=torch.int64)}
        )

    def show(self, serial: int) -> None:
        self.memory.tensors["newest"][0] = serial

    def taken(self, generator: int) -> int:
        return int(self.memory.tensors["taken"][generator])

    def close(self) -> None:
        self.memory.close()


class Lookout:
    """The generator's side: whether there is something newer."""

    def __init__(self, fresh: Fresh) -> None:
        self.fresh, self.board = fresh, mapped(fresh.board)

    def newer_than(self, serial: int) -> tuple[int, Handle] | None:
        newest = int(self.board["newest"][0])
        return (newest, self.fresh.slots[newest % len(self.fresh.slots)]) if newest > serial else None

    def took(self, serial: int) -> None:
        self.board["taken"][self.fresh.generator] = serial


class FreshReader:
    """Reads as the reader that it holds, and lets somebody act before each token that is written."""

    def __init__(self, reader: Reader, before: Callable[[], Any]) -> None:
        self.reader, self.before = reader, before
        self.is_by_token = reader.is_by_token

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        if isinstance(layout, Decode):
            self.before()
        return self.reader.hidden(tokens, positions, layout)

    def layers(self, tokens: Tensor, positions: Tensor, layout: Layout) -> list[Tensor]:
        return self.reader.layers(tokens, positions, layout)

    def fewest_rows(self, head: Tensor) -> int:
        return self.reader.fewest_rows(head)
