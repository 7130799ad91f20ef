"""Which weights a pass of the model has: the base, one adapter, many adapters, or a whole model's.

A *version* is what a reply is written by, and is held by reference: a name may mean something else meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Routes(Protocol):
    def lane(self, version: Hashable) -> Hashable:
        """Rows of versions with equal lanes may be read in one pass."""
        ...

    def has_adapters(self, lane: Hashable) -> bool: ...

    def reading(self, version: Hashable) -> AbstractContextManager[None]:
        """Inside, the model is this version."""
        ...

    def writing(self, lane: Hashable, versions: Sequence[Hashable], num_fillers: int) -> AbstractContextManager[None]:
        """Inside, row i of a pass is read by versions[i]; `num_fillers` rows behind them by anything."""
        ...

    def forget(self) -> None:
        """Nobody writes at the moment."""
        ...


class BaseAlone:
    """No version but the base."""

    def lane(self, version: Hashable) -> Hashable:
        return None

    def has_adapters(self, lane: Hashable) -> bool:
        return False

    def reading(self, version: Hashable) -> AbstractContextManager[None]:
        return nullcontext()

    def writing(self, lane: Hashable, versions: Sequence[Hashable], num_fillers: int) -> AbstractContextManager[None]:
        return nullcontext()

    def forget(self) -> None: ...
