"""Rows of many adapters in one pass: what each row's own adapter adds to a layer's result.

    rows        a a b c c c c        of adapters a, b, c, in any order
    segments    [a a . .] [b . . .] [c c c c]        equal, of SEGMENT rows at least, empty places filled
    added       scale * B (A x)      one product over all segments for each letter

Equal segments, never of fewer rows than ROW_TILE, give each row the bits that it has alone, and those of PEFT's layer.
An adapter with many rows has a product of its own, and so has everybody's part in the head: their results are wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.local.forward.attention import ROW_TILE
from straw.engines.tenants.bank import Adapter
from straw.engines.tenants.sampling.stacks import Stack, widened

SEGMENT = ROW_TILE
MANY = 2 * SEGMENT  # rows of an adapter that has a product of its own
WIDE = 8192  # numbers of a result, beyond which a segment's empty places cost more than one product saves


@dataclass(frozen=True, slots=True)
class Alone:
    """The rows of one adapter; `index` is filled up to a segment, None is every row."""

    adapter: Adapter
    rows: list[int]
    index: Tensor | None

    def added(self, layer: str, x: Tensor) -> Tensor:
        a, b = widened(*self.adapter.pairs[layer])
        mine = x if self.index is None else x[self.index]
        return (F.linear(F.linear(mine.to(a.dtype), a), b) * self.adapter.scale)[: len(self.rows)]


@dataclass(frozen=True, slots=True)
class Side:
    """Segments of adapters of one rank, side by side; `kept` are the places in them that are not fillers."""

    stack: Stack
    rows: list[int]
    index: Tensor
    kept: Tensor
    num_segments: int

    def added(self, layer: str, x: Tensor) -> Tensor:
        a, b = (both[: self.num_segments].transpose(1, 2) for both in self.stack.layers[layer])
        mine = x[self.index].to(a.dtype).view(self.num_segments, -1, x.shape[-1])
        out = torch.bmm(torch.bmm(mine, a), b).mul_(self.stack.scales[: self.num_segments])
        return out.view(-1, out.shape[-1])[self.kept]


Part = Alone | Side


class Mixed:
    """A route for a pass whose row i is read with adapters[i]; all of them stand beside the same layers."""

    def __init__(self, adapters: Sequence[Adapter], stacks: dict[int, Stack], device: torch.device) -> None:
        rows_of: dict[Adapter, list[int]] = {}
        for row, adapter in enumerate(adapters):
            rows_of.setdefault(adapter, []).append(row)
        self.layers = adapters[0].pairs.keys()
        self.apart = in_order([alone(adapter, rows, len(adapters), device) for adapter, rows in rows_of.items()])
        few = {adapter: rows for adapter, rows in rows_of.items() if len(rows) <= MANY} if len(rows_of) > 1 else {}
        own = [part for part in self.apart[0] if isinstance(part, Alone) and part.adapter not in few]
        self.beside = in_order([*own, *sides(few, stacks, device)])

    def touches(self, layer: str) -> bool:
        return layer in self.layers

    def add(self, layer: str, x: Tensor, result: Tensor) -> Tensor:
        if layer not in self.layers:
            return result
        rows = x.reshape(-1, x.shape[-1])
        parts, back = self.apart if result.shape[-1] > WIDE else self.beside
        added = [part.added(layer, rows) for part in parts]
        flat = added[0] if len(added) == 1 else torch.cat(added)
        return (result + (flat if back is None else flat[back]).view(result.shape)).to(result.dtype)


def alone(adapter: Adapter, rows: list[int], num_rows: int, device: torch.device) -> Alone:
    if len(rows) == num_rows:
        return Alone(adapter, rows, None)
    return Alone(adapter, rows, torch.tensor(rows + [0] * max(0, SEGMENT - len(rows)), device=device))


def sides(rows_of: Mapping[Adapter, list[int]], stacks: dict[int, Stack], device: torch.device) -> list[Part]:
    by_rank: dict[int, list[Adapter]] = {}
    for adapter in rows_of:
        by_rank.setdefault(adapter.rank, []).append(adapter)
    for rank in stacks.keys() - by_rank.keys():
        del stacks[rank]
    return [side(stacks.setdefault(rank, Stack()), some, rows_of, device) for rank, some in by_rank.items()]


def side(stack: Stack, adapters: list[Adapter], rows_of: Mapping[Adapter, list[int]], device: torch.device) -> Side:
    width = max(SEGMENT, *(len(rows_of[adapter]) for adapter in adapters))
    order = [rows_of[adapter] for adapter in stack.hold(adapters)]
    index = [row for rows in order for row in [*rows, *[0] * (width - len(rows))]]
    kept = [segment * width + place for segment, rows in enumerate(order) for place in range(len(rows))]
    return Side(
        stack=stack,
        rows=[row for rows in order for row in rows],
        index=torch.tensor(index, device=device),
        kept=torch.tensor(kept, device=device),
        num_segments=len(order),
    )


def in_order(parts: list[Part]) -> tuple[list[Part], Tensor | None]:
    """With the way back from the parts, one behind the other, to the rows; None where they are in order."""
    rows = [row for part in parts for row in part.rows]
    if rows == list(range(len(rows))):
        return parts, None
    index = parts[0].index
    return parts, torch.tensor(rows, device=None if index is None else index.device).argsort()
