"""Weights for sampling: a few in memory, all of them on the disk.

A snapshot is taken from a model as it stands, or read from a folder. The least recently used one makes way for another,
unless replies are being written with it; its folder brings it back.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from straw.engines.tenants.backend import Backend
from straw.files import is_folder
from straw.server.keeping.rows import Sampler
from straw.server.keeping.store import Store
from straw.server.wire.refused import BadRequest


class Snapshots:
    """By name; `in_memory` is how many at most, those in use beside."""

    def __init__(self, backend: Backend, store: Store, in_memory: int) -> None:
        self.backend, self.store, self.in_memory = backend, store, in_memory
        self.there: OrderedDict[str, None] = OrderedDict()
        self.users: Counter[str] = Counter()

    def take(self, name: str, model: str) -> None:
        """The model's weights as they are now."""
        self.backend.snapshot(name, model)
        self.touch(name)

    def use(self, sampler: Sampler) -> str | None:
        """The weights of a sampling session, in memory until `release`; None is the base."""
        name = sampler.weights
        if name is None:
            return None
        if name not in self.there:
            folder = self.store.folder(sampler.folder or "")
            if sampler.folder is None or not is_folder(folder):
                raise BadRequest("the weights of this sampling session were deleted: make another session", 404)
            self.backend.load_snapshot(name, folder)
        self.users[name] += 1
        self.touch(name)
        return name

    def release(self, name: str | None) -> None:
        if name is not None:
            self.users[name] -= 1
            if self.users[name] <= 0:
                del self.users[name]

    def forget(self, name: str) -> None:
        if name in self.there and not self.users[name]:
            del self.there[name]
            self.backend.forget(name)

    def touch(self, name: str) -> None:
        self.there[name] = None
        self.there.move_to_end(name)
        idle = [one for one in self.there if not self.users[one] and one != name]
        for one in idle[: max(0, len(self.there) - self.in_memory)]:
            self.forget(one)
