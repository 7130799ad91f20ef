"""Prompts kept as keys and values, with rows behind them that grow token by token: how sampling reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.local import heartbeat as pulse
from straw.engines.local.forward.attention import (
    KEY_TILE,
    SMALL_PRODUCT,
    Rule,
    attend_prefix_and_own,
    causal_bias,
    round_up,
)


def fewest_keys(head_width: int) -> int:
    """Of a row's own: a product with fewer is a small one."""
    return round_up(-(-SMALL_PRODUCT // head_width))


def keys_for(count: int, fewest: int) -> int:
    """As many as are looked at where a row has `count`; in the last tile of them too there are never fewer."""
    keys = max(round_up(count), fewest)
    last = keys % KEY_TILE
    return keys if last == 0 or last >= fewest else keys - last + fewest


class Prefix(Protocol):
    """Prompts that were read; where lengths differ, they are padded to that of the longest."""

    @property
    def device(self) -> torch.device: ...
    @property
    def prompt_lengths(self) -> Sequence[int]: ...
    @property
    def p(self) -> int: ...
    @property
    def kept(self) -> dict[int, tuple[Tensor, Tensor]]:
        """By layer their keys and values, [U, K, P, D]."""
        ...


class Growing:
    """Prefixes with rows behind them that grow by `num_new` tokens: [U, G] rows, prompt by prompt.

    A row's own keys lie in a buffer at their own place, with no gap and no padding before them, so
    their order of summation does not depend on the neighbours. Prefixes are padded to whole tiles of
    keys for the same reason. Who makes one keeps these in order:
    """

    device: torch.device
    u: int
    g: int
    p: int  # keys of a prefix, padding included
    c: int  # own keys of a row that are looked at
    capacity: int  # own keys of a row that there is room for
    num_new: int
    slots: Tensor  # [R, num_new], where the new tokens lie among their row's own
    prompt_len: Tensor  # [U]
    prefix: dict[int, tuple[Tensor, Tensor]]  # by layer, [U, K, P, D]
    own: dict[int, tuple[Tensor, Tensor]]  # by layer, [R, K, capacity, D]
    _biases: dict[int | None, Tensor]
    _places: dict[int, Tensor]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        k = k.to(v.dtype)  # as it is multiplied, and half as large under autocast
        pulse.beat()  # there is no way back
        rows, width = self.u * self.g, self.num_new
        own = self._write(layer, k.view(rows, width, *k.shape[1:]), v.view(rows, width, *v.shape[1:]))
        out = attend_prefix_and_own(
            q.view(self.u, self.g, width, *q.shape[1:]), self.prefix[layer], own, self._bias(rule.window), rule
        )
        return out.flatten(0, 2)

    def _write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        if layer not in self.own:
            self.own[layer] = (self._room_for(k), self._room_for(v))
        keys, values = self.own[layer]
        lines = self._lines(k.shape[2])
        for buffer, new in ((keys, k), (values, v)):
            buffer.view(-1, buffer.shape[-1]).index_copy_(0, lines, new.reshape(-1, new.shape[-1]))
        return keys[:, :, : self.c], values[:, :, : self.c]

    def _lines(self, num_heads: int) -> Tensor:
        """Where the new tokens lie in a buffer seen as [R * K * capacity, D]; made once for all layers."""
        if num_heads not in self._places:
            rows = torch.arange(self.u * self.g, device=self.device).view(-1, 1, 1)
            heads = torch.arange(num_heads, device=self.device)
            self._places[num_heads] = ((rows * num_heads + heads) * self.capacity + self.slots.unsqueeze(2)).flatten()
        return self._places[num_heads]

    def _room_for(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0], x.shape[2], self.capacity, x.shape[3])

    def _bias(self, window: int | None) -> Tensor:
        if window not in self._biases:
            starts = self.prompt_len.view(-1, 1)
            steps_P = torch.arange(self.p, device=self.device)
            steps_C = torch.arange(self.c, device=self.device)
            slots = self.slots.view(self.u, self.g * self.num_new)
            prefix = causal_bias(starts + slots, steps_P.expand(self.u, -1), steps_P < starts, window)
            own = causal_bias(slots, steps_C, torch.ones_like(steps_C, dtype=torch.bool), window)
            self._biases[window] = torch.cat([prefix, own], dim=-1)
        return self._biases[window]


class Decode(Growing):
    """Prompts already read; `rows_per_prompt` rows behind each, which grow by some tokens at a time."""

    def __init__(self, prefixes: Sequence[Prefix], rows_per_prompt: int, longest_prompt: int = 0) -> None:
        """`longest_prompt`: of those that are yet to `replace` the first."""
        self.device = prefixes[0].device
        lengths = [length for prefix in prefixes for length in prefix.prompt_lengths]
        self.u, self.g, self.capacity = len(lengths), rows_per_prompt, 0
        self.p = round_up(max(longest_prompt, *lengths), KEY_TILE)
        self.prompt_len = torch.tensor(lengths, device=self.device)
        self.prefix = {
            layer: (self._padded(prefixes, layer, 0), self._padded(prefixes, layer, 1)) for layer in prefixes[0].kept
        }
        self.fewest_keys = fewest_keys(next(iter(self.prefix.values()))[0].shape[-1])
        self.own: dict[int, tuple[Tensor, Tensor]] = {}
        self.own_len = torch.zeros(self.u * self.g, dtype=torch.long, device=self.device)
        self.longest = 0  # no row is longer
        self.num_new = 0
        self._biases: dict[int | None, Tensor] = {}
        self._places: dict[int, Tensor] = {}

    def _padded(self, prefixes: Sequence[Prefix], layer: int, which: int) -> Tensor:
        return torch.cat([F.pad(one.kept[layer][which], (0, 0, 0, self.p - one.p)) for one in prefixes])

    def reserve(self, num_more: int) -> None:
        """Make room for this many tokens behind the longest row. Asks the device, so once for many tokens."""
        self.longest = int(self.own_len.max())
        more = keys_for(self.longest + num_more, self.fewest_keys) - self.capacity
        if more > 0:
            self.capacity += more
            self.own = {
                layer: (F.pad(k, (0, 0, 0, more)), F.pad(v, (0, 0, 0, more))) for layer, (k, v) in self.own.items()
            }

    def grow(self, num_new: int) -> Tensor:
        """Announce `num_new` tokens for every row; returns the positions of the flat row [R * num_new]."""
        self.num_new = num_new
        self._biases.clear()
        self._places.clear()
        self.slots = self.own_len.unsqueeze(1) + torch.arange(num_new, device=self.device)
        self.longest += num_new
        self.c = min(keys_for(self.longest, self.fewest_keys), self.capacity)
        return (self.prompt_len.repeat_interleave(self.g).unsqueeze(1) + self.slots).flatten()

    def settle(self, num_kept: Tensor) -> None:
        """How many of the announced tokens each row keeps; the rest is overwritten by the next."""
        self.own_len = self.own_len + num_kept

    def keep(self, prompts: Tensor, rows: Tensor) -> None:
        """Go on with some prompts, and for each with the same number of rows (flat indices)."""
        self.prompt_len = self.prompt_len[prompts]
        self.prefix = {layer: (k[prompts], v[prompts]) for layer, (k, v) in self.prefix.items()}
        self.own = {layer: (k[rows], v[rows]) for layer, (k, v) in self.own.items()}
        self.own_len = self.own_len[rows]
        self.u, self.g = len(prompts), len(rows) // len(prompts)

    def replace(self, at: int, prefix: Prefix) -> None:
        """Another prompt takes the place of one whose rows are done."""
        self.prompt_len[at] = prefix.p
        for layer, buffers in self.prefix.items():
            for buffer, kept in zip(buffers, prefix.kept[layer], strict=True):
                buffer[at] = F.pad(kept[0], (0, 0, 0, self.p - prefix.p))

    def begin_again(self, rows: Sequence[int]) -> None:
        """These rows (flat indices) are as if they had never grown; what lies in their buffers is never seen."""
        self.own_len[rows] = 0
        self.longest = int(self.own_len.max())
