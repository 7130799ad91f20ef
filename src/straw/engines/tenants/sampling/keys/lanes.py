"""Rows that are read together: one forward pass writes a token for each of them.

    base            rows without an adapter
    adapters        rows of any number of adapters that stand beside the same layers
    full weights    rows of one version that is a whole model

Each lane has pools of its own, and finds a place for who comes: an empty one behind the same prompt, or a new group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from straw.engines.local.forward.attention import ROW_TILE
from straw.engines.local.forward.kv_cache import fewest_keys
from straw.engines.tenants.sampling.keys.pools import (
    SMALLEST_OWN,
    Group,
    Layers,
    Pool,
    Size,
    Together,
    bytes_of,
    per_token,
    prompt_room_for,
    room_for,
)
from straw.engines.tenants.sampling.keys.prompts import Prompt
from straw.engines.tenants.sampling.rows import Row
from straw.files import MIB

WIDEST = 64  # rows of a group
FULL_ENOUGH = 0.6  # of a group's places, or a narrower group and another one will do
LARGEST = 64 * MIB  # pool, but for a single group


class Lane:
    def __init__(self, device: torch.device, tile: int = ROW_TILE) -> None:
        """`tile`: no fewer rows are read together, or a row would have other bits."""
        self.device, self.tile = device, tile
        self.pools: list[Pool] = []
        self.changed = True  # who stands here, since the last step

    # --- who stands here -------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """In the order of the flat row."""
        return [row for pool in self.pools for group in pool.groups for row in group.rows if row is not None]

    @property
    def num_bytes(self) -> int:
        return sum(bytes_of(pool.size, per_token(pool.groups[0].prompt)) * pool.u for pool in self.pools if pool.u)

    def groups(self) -> Iterator[tuple[Pool, int, Group]]:
        for pool in list(self.pools):
            for at in reversed(range(pool.u)):  # so that leaving moves none that is still to come
                yield pool, at, pool.groups[at]

    def take_empty_places(self, prompt: Prompt, rows: list[Row]) -> list[Row]:
        """Those for whom there is none."""
        left = list(rows)
        for pool, at, group in self.groups():
            if group.prompt is prompt:
                for place, row in enumerate(group.rows):
                    if row is None and left and left[0].num_keys < pool.capacity:
                        pool.begin(at, place, left[0])
                        group.rows[place] = left.pop(0)
                        self.changed = True
        return left

    def stand(self, groups: Sequence[tuple[Size, Group, Layers | None]]) -> None:
        coming = Counter(size for size, _, _ in groups)
        for size, group, own in groups:
            self._pool_for(size, group.prompt, coming[size]).add(group, own)
            coming[size] -= 1
        self.changed |= bool(groups)

    def _pool_for(self, size: Size, prompt: Prompt, num_coming: int) -> Pool:
        """One with room, or a new one, half as large as all of its size so that there are few."""
        alike = [pool for pool in self.pools if pool.size == size]
        for pool in alike:
            if pool.u < pool.room:
                return pool
        most = max(1, LARGEST // bytes_of(size, per_token(prompt)))
        room = min(most, max(num_coming, sum(pool.room for pool in alike) // 2))
        self.pools.append(Pool(size, room, prompt, self.device))
        return self.pools[-1]

    def remove(self, gone: Iterable[Row]) -> None:
        """Their places are empty; groups that are mostly empty move to a narrower pool, or out."""
        leaving = set(gone)
        moving: list[tuple[Size, Group, Layers | None]] = []
        for pool, at, group in self.groups():
            if leaving.isdisjoint(group.writing):
                continue
            self.changed = True
            group.rows = [None if row in leaving else row for row in group.rows]
            left = len(group.writing)
            if left == 0:
                pool.leave(at)
            elif 4 * left <= pool.g:
                moving.append(moved(pool, at, room_for(left, 1), pool.capacity))
        self.stand(moving)

    def outgrown(self) -> list[tuple[Pool, Group]]:
        """Groups with a row that has no room for its next token."""
        return [
            (pool, group)
            for pool in self.pools
            for group in pool.groups
            if any(row is not None and row.num_keys >= pool.capacity for row in group.rows)
        ]

    def widen(self, crowded: Sequence[tuple[Pool, Group]]) -> None:
        """Twice the room for these."""
        order = sorted(((pool, pool.groups.index(group)) for pool, group in crowded), key=lambda one: -one[1])
        self.stand([moved(pool, at, pool.g, 2 * pool.capacity) for pool, at in order])

    # --- a step ----------------------------------------------------------------------------

    def begin_step(self) -> tuple[Tensor, Tensor, Together]:
        """The token that every row reads next, where it stands in its text, and who may see whom."""
        if self.changed:
            self.pools = [pool for pool in self.pools if pool.u]
            for pool in self.pools:
                pool.settle()
            self.order = self.rows
            self.fillers = [0] * max(0, self.tile - len(self.order))
            self.layout = Together(self.pools, len(self.fillers))
            self.changed = False
        for pool in self.pools:
            pool.begin_step()
        tokens = [row.tokens[row.num_read] for row in self.order]
        places = [len(row.request.sampling.prompt) + row.num_read for row in self.order]
        device = self.device
        return (
            torch.tensor(tokens + self.fillers, device=device),
            torch.tensor(places + self.fillers, device=device),
            self.layout,
        )


def moved(pool: Pool, at: int, width: int, own: int) -> tuple[Size, Group, Layers | None]:
    """A group out of its pool, on its way to another."""
    group = pool.groups[at]
    places = [place for place, row in enumerate(group.rows) if row is not None]
    places += [place for place in range(pool.g) if place not in places][: width - len(places)]
    longest = max(row.num_keys for row in group.writing)
    keys = pool.own_keys(at, places, longest)
    pool.leave(at)
    rows = [group.rows[place] for place in places]
    return (width, pool.prompt_room, own), Group(group.prompt, rows), keys


def grouped(prompt: Prompt, rows: Sequence[Row]) -> list[tuple[Size, Group]]:
    """Rows behind one prompt in groups of powers of two."""
    out: list[tuple[Size, Group]] = []
    room = prompt_room_for(len(prompt.tokens))
    fewest = max(SMALLEST_OWN, fewest_keys(next(iter(prompt.kept.values()))[0].shape[-1]))
    own = room_for(max(row.request.num_said + len(row.tokens) for row in rows), fewest)
    left = list(rows)
    while left:
        width = min(room_for(len(left), 1), WIDEST)
        if len(left) < FULL_ENOUGH * width:
            width //= 2
        places: list[Row | None] = [*left[:width], *[None] * (width - len(left))]
        out.append(((width, room, own), Group(prompt, places)))
        left = left[width:]
    return out
