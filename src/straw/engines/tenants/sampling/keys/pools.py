"""Keys and values of rows that come and go: groups of rows behind one prompt, groups of like size in one pool.

    pool (2 rows wide, room for 128 prompt tokens and 64 of a row's own)
        group 0   prompt A   row  row
        group 1   prompt B   row   -      the empty place may be taken by anybody with prompt B
        (room for more groups)

The groups of a pool lie side by side, so one product serves them all, and the pools of a batch are sewn together by
`Together`: a flat row of tokens has those that write and no others. A pool never grows, so nothing in it is copied when
others come: where it is full another one is made. A group that outgrows its pool moves. None of this shows in a row's
bits: see `local.forward.kv_cache`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from straw.engines.local.forward.attention import KEY_TILE, Rule, round_up
from straw.engines.local.forward.kv_cache import Growing, fewest_keys, keys_for
from straw.engines.tenants.sampling.keys.prompts import Prompt
from straw.engines.tenants.sampling.rows import Row

SMALLEST_PROMPT = SMALLEST_OWN = KEY_TILE
Size = tuple[int, int, int]  # rows wide, prompt tokens, own tokens
Layers = dict[int, tuple[Tensor, Tensor]]


@dataclass(eq=False, slots=True)
class Group:
    prompt: Prompt
    rows: list[Row | None]  # by place

    @property
    def writing(self) -> list[Row]:
        return [row for row in self.rows if row is not None]


def room_for(count: int, smallest: int) -> int:
    """The next power of two."""
    return max(smallest, 1 << (count - 1).bit_length())


def prompt_room_for(count: int) -> int:
    """The next power of two, or of three steps before it: at most a quarter more than is needed, in few sizes.

    >>> prompt_room_for(30), prompt_room_for(600), prompt_room_for(1024)
    (64, 640, 1024)
    """
    return round_up(count, max(SMALLEST_PROMPT, room_for(count, 1) // 8))


class Pool(Growing):
    def __init__(self, size: Size, room: int, like: Prompt, device: torch.device) -> None:
        """`room`: for so many groups."""
        self.size, self.device = size, device
        self.g, self.prompt_room, self.capacity = size
        self.u, self.room, self.num_new = 0, room, 1
        self.groups: list[Group] = []
        self._prompts = made(like, room, self.prompt_room, torch.empty)  # each is written when its group comes
        self._own = made(like, room * self.g, self.capacity, torch.zeros)
        self._biases, self._places = {}, {}

    # --- who stands here -------------------------------------------------------------------

    def add(self, group: Group, own: Layers | None = None) -> None:
        """`own`: what its rows have in their keys, [g, K, c, D], where they come from another pool."""
        at, length = self.u, len(group.prompt.tokens)
        for layer, pair in group.prompt.kept.items():
            for buffer, kept in zip(self._prompts[layer], pair, strict=True):
                buffer[at, :, :length] = kept[0]
                buffer[at, :, length:] = 0.0  # nobody looks there, and what is there must be a number
            for buffer, rows in zip(self._own[layer], own[layer] if own else (), strict=False):
                buffer[at * self.g : (at + 1) * self.g, :, : rows.shape[2]] = rows
        for place, row in enumerate(group.rows if own is None else ()):
            self.begin(at, place, row)
        self.groups.append(group)
        self.u += 1

    def begin(self, at: int, place: int, row: Row | None) -> None:
        """A row that comes in the middle of a conversation has the keys of what was said."""
        if row is None or row.request.said is None:
            return
        for layer, pair in row.request.said.kept.items():
            for buffer, said in zip(self._own[layer], pair, strict=True):
                buffer[at * self.g + place, :, : said.shape[2]] = said[0]

    def leave(self, at: int) -> None:
        """The last group takes the place."""
        last = self.u - 1
        if at != last:
            g = self.g
            for layer, pair in self._prompts.items():
                for buffer in pair:
                    buffer[at] = buffer[last]
                for buffer in self._own[layer]:
                    buffer[at * g : (at + 1) * g] = buffer[last * g : (last + 1) * g]
            self.groups[at] = self.groups[last]
        self.groups.pop()
        self.u = last

    def own_keys(self, at: int, places: Sequence[int], length: int) -> Layers:
        rows = torch.tensor([at * self.g + place for place in places], device=self.device)
        return {layer: (k[rows, :, :length], v[rows, :, :length]) for layer, (k, v) in self._own.items()}

    # --- a step ----------------------------------------------------------------------------

    def settle(self) -> None:
        """After groups came or went."""
        lengths = [len(group.prompt.tokens) for group in self.groups]
        self.p = round_up(max(lengths), KEY_TILE)
        self.prompt_len = torch.tensor(lengths, device=self.device)
        self.prefix = {
            layer: (k[: self.u, :, : self.p], v[: self.u, :, : self.p]) for layer, (k, v) in self._prompts.items()
        }
        rows = self.u * self.g
        self.own = {layer: (k[:rows], v[:rows]) for layer, (k, v) in self._own.items()}
        self.fewest_keys = fewest_keys(next(iter(self.own.values()))[0].shape[-1])
        self._places.clear()

    def begin_step(self) -> None:
        read = [0 if row is None else row.num_keys for group in self.groups for row in group.rows]
        self.slots = torch.tensor(read, device=self.device).unsqueeze(1)
        self.c = keys_for(max(read) + 1, self.fewest_keys)
        self._biases.clear()
        self._places.clear()


class Together:
    """The pools of a batch as one layout: their rows that write, one behind the other, and `num_fillers` more.

    Products want a full tile of rows; fillers stand for no row and see nothing.
    """

    def __init__(self, pools: Sequence[Pool], num_fillers: int) -> None:
        self.pools, self.num_fillers = pools, num_fillers
        self.parts: list[tuple[Pool, slice, Tensor | None, Tensor | None]] = []
        start = 0
        for pool in pools:
            there = [row is not None for group in pool.groups for row in group.rows]
            stop = start + sum(there)
            spread = gather = None
            if not all(there):
                mask = torch.tensor(there, device=pool.device)
                gather = mask.nonzero().flatten()
                spread = start + (mask.cumsum(0) - 1).clamp_min_(0)  # an empty place has its neighbour's query
            self.parts.append((pool, slice(start, stop), spread, gather))
            start = stop

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        out = []
        for pool, here, spread, gather in self.parts:
            places = here if spread is None else spread
            seen = pool.attend(layer, q[places], k[places], v[places], rule)
            out.append(seen if gather is None else seen[gather])
        if self.num_fillers:
            out.append(out[0].new_zeros(self.num_fillers, *out[0].shape[1:]))
        return out[0] if len(out) == 1 else torch.cat(out)


def made(like: Prompt, rows: int, length: int, make: Callable[..., Tensor]) -> Layers:
    """[rows, K, length, D] for each layer."""

    def buffer(x: Tensor) -> Tensor:
        return make((rows, x.shape[1], length, x.shape[3]), dtype=x.dtype, device=x.device)

    return {layer: (buffer(k), buffer(v)) for layer, (k, v) in like.kept.items()}


def bytes_of(size: Size, per_token: int) -> int:
    """What one group takes."""
    width, prompt, own = size
    return (prompt + width * own) * per_token


def per_token(prompt: Prompt) -> int:
    """Bytes of keys and values."""
    return sum(x.nbytes for pair in prompt.kept.values() for x in pair) // len(prompt.tokens)
