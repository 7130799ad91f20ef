"""Prompts as the reference read them: its weights never change, so a prompt that returns is read once.

    beginnings.hidden(reader, flat, version)    hidden states; of prompts that are known those of the last tokens alone

A prompt's keys, values and states have the same bits however it was read (`kept`), and a reply's rows have theirs from
so many rows on (`reader.row_tile`). So nothing depends on what is kept. A KL at every step asks for the same prompts
again in a game that has few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from straw.engines.base import Tokens
from straw.engines.local.batches import Flat
from straw.engines.local.forward.attention import ROW_TILE
from straw.engines.local.forward.prompts.blocks import SAME_BITS
from straw.engines.local.forward.prompts.kept import MOST_BYTES, prompts_of
from straw.engines.local.forward.reader import Reader


class Beginning(NamedTuple):
    kept: dict[int, tuple[Tensor, Tensor]]  # by layer keys and values, [P, K, D]
    last: Tensor  # hidden state of its last token, [width]


class Beginnings:
    """Of weights that have a number, `version`: with another one all is forgotten."""

    def __init__(self) -> None:
        self.found: dict[Tokens, Beginning] = {}
        self.num_bytes, self.version = 0, 0

    def known(self, version: int) -> dict[Tokens, Beginning]:
        if version != self.version:
            self.found, self.num_bytes, self.version = {}, 0, version
        return self.found

    def hidden(self, reader: Reader, flat: Flat, version: int) -> Tensor:
        known = self.known(version)
        begun = [known[prompt] for prompt in prompts_of(flat) if prompt in known]
        if len(begun) == flat.pack.u:
            return read_behind(reader, flat, begun)
        flat.pack.record = True
        hidden = reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
        self.take(flat, hidden)
        return hidden

    def take(self, flat: Flat, hidden: Tensor) -> None:
        pack = flat.pack
        states = hidden[: pack.num_prompt_tokens].view(pack.u, pack.p, -1)
        for u, prompt in enumerate(prompts_of(flat)):
            kept = {layer: (by_token(k, u), by_token(v, u)) for layer, (k, v) in pack.kept.items()}
            size = sum(x.nbytes for pair in kept.values() for x in pair)
            if prompt not in self.found and self.num_bytes + size <= MOST_BYTES:
                self.found[prompt] = Beginning(kept, states[u, -1].clone())
                self.num_bytes += size


def by_token(x_UKPD: Tensor, u: int) -> Tensor:
    """Of one prompt, in the order of memory that a pack has."""
    return x_UKPD[u].transpose(0, 1).clone(memory_format=torch.contiguous_format)


def can_begin(reader: Reader, flat: Flat, tile: int) -> bool:
    """Whether prompts come out of this batch as they do out of any other, and replies without them too."""
    pack = flat.pack
    is_alike = reader.is_by_token and pack.prompt_index is None and ROW_TILE <= pack.p <= SAME_BITS
    return is_alike and len(flat.tokens) - pack.num_prompt_tokens >= tile


def read_behind(reader: Reader, flat: Flat, beginnings: Sequence[Beginning]) -> Tensor:
    """[N, width] as the whole would be, but for the prompts, of which the last tokens are there alone."""
    pack, first = flat.pack, flat.pack.num_prompt_tokens
    for layer in beginnings[0].kept:
        keys, values = zip(*(one.kept[layer] for one in beginnings), strict=True)
        pack.begun[layer] = torch.stack(keys), torch.stack(values)
    replies = reader.hidden(flat.tokens[first:], pack.positions[first:], pack)
    states = replies.new_zeros(pack.u, pack.p, replies.shape[1])
    states[:, -1] = torch.stack([one.last for one in beginnings])
    return torch.cat([states.flatten(0, 1), replies])
