"""Who stands in the keys, and who waits because there is no room.

A row begins with little room and is given more as it grows. Where there is none left, the request that came last gives
up its places; the one that came first always goes on, so all come to an end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import torch

from straw.engines.tenants.sampling.keys.lanes import Lane, grouped
from straw.engines.tenants.sampling.keys.pools import Pool, bytes_of, per_token
from straw.engines.tenants.sampling.keys.prompts import Prompts
from straw.engines.tenants.sampling.routes import Routes
from straw.engines.tenants.sampling.rows import Request, Row


class Places:
    def __init__(
        self, room: int, prompts: Prompts, routes: Routes, device: torch.device, tile_of: Callable[[Hashable], int]
    ) -> None:
        """`tile_of` a lane: how few rows may be read together in it."""
        self.room, self.prompts, self.routes, self.device, self.tile_of = room, prompts, routes, device, tile_of
        self.lanes: dict[Hashable, Lane] = {}

    @property
    def used(self) -> int:
        return self.prompts.held_bytes + sum(lane.num_bytes for lane in self.lanes.values())

    @property
    def num_rows(self) -> int:
        return sum(len(group.writing) for lane in self.lanes.values() for _, _, group in lane.groups())

    def lane_of(self, request: Request) -> Lane:
        key = self.routes.lane(request.version)
        if key not in self.lanes:
            self.lanes[key] = Lane(self.device, self.tile_of(key))
        return self.lanes[key]

    def find(self, waiting: Iterable[Request]) -> None:
        """Places for rows that have begun, first come, first served; equal prompts stand together."""
        together: dict[int, list[Row]] = {}
        for request in waiting:
            begun = [row for row in request.unplaced if row.tokens]
            if begun:
                together.setdefault(id(request.prompt), []).extend(begun)
        used = self.used
        for rows in together.values():
            used += self._place(rows, self.room - used)

    def _place(self, rows: Sequence[Row], room: int) -> int:
        """Rows behind one prompt, as many as there is room for; returns the bytes they take."""
        request = rows[0].request
        prompt, lane = request.prompt, self.lane_of(request)
        assert prompt is not None
        rows = placed(rows, lane.take_empty_places(prompt, list(rows)))
        count = len(rows)
        while count:
            groups = grouped(prompt, rows[:count])
            cost = sum(bytes_of(size, per_token(prompt)) for size, _ in groups)
            if cost <= room or (count == 1 and not any(lane.rows for lane in self.lanes.values())):
                lane.stand([(size, group, None) for size, group in groups])
                placed(rows, rows[count:])
                return cost
            count //= 2
        return 0

    def make_room(self, lane: Lane) -> list[Request]:
        """For the next token of every row; returns the requests whose rows wait again."""
        sent_away: list[Request] = []
        while crowded := lane.outgrown():
            more = sum(growth(pool) for pool, _ in crowded)
            if self.used + more <= self.room or not (last := self._last()):
                lane.widen(crowded)
                break
            sent_away.append(last)
            self.send_away(last)
        return sent_away

    def _last(self) -> Request | None:
        """The request that came last, unless it is the only one."""
        there = {row.request for lane in self.lanes.values() for row in lane.rows}
        return max(there, key=lambda request: request.number) if len(there) > 1 else None

    def send_away(self, request: Request) -> None:
        """Its rows have no keys any more."""
        self.remove(request)
        request.unplaced = [row for row in request.rows if not row.is_done]
        for row in request.unplaced:
            row.num_read = 0

    def remove(self, request: Request) -> None:
        """Rows that are done have left already."""
        waiting = set(request.unplaced)
        if there := [row for row in request.rows if not row.is_done and row not in waiting]:
            self.lane_of(request).remove(there)

    def drop_empty(self) -> None:
        self.lanes = {key: lane for key, lane in self.lanes.items() if any(pool.u for pool in lane.pools)}


def placed(rows: Sequence[Row], left: Sequence[Row]) -> list[Row]:
    """All of these but those who are left have a place."""
    gone = set(rows).difference(left)
    for request in {row.request for row in gone}:
        request.unplaced = [row for row in request.unplaced if row not in gone]
    return list(left)


def growth(pool: Pool) -> int:
    """Bytes that a group takes more in the next larger pool."""
    return pool.g * pool.capacity * per_token(pool.groups[0].prompt)
