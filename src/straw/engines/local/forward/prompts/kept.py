"""Prompts that were read with the weights of now, so that an evaluation and the step behind it read them once.

    kept.read(prompts)            as `read_prompts`, but for those that are known
    kept.take(flat, hidden)       the prompts of a batch that was read for its log-probabilities

A prompt has the same keys, values and logits however it was read: alone, beside others of its length, or before its
replies (see `attention.ROW_TILE`), as long as it has SAME_BITS tokens at most. So nothing depends on what is kept, and
a run that goes on, which begins with nothing, makes the same bits. That holds for float32 on the CPU; elsewhere nothing
is kept. When the weights change all is forgotten: who owns one says so by `changes`, and places and versions of the
parameters are looked at besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from straw.engines.base import Tokens
from straw.engines.local.batches import Flat
from straw.engines.local.forward.attention import ROW_TILE, full_tile
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.prompts.blocks import SAME_BITS
from straw.engines.local.forward.prompts.reading import Read, read_prompts
from straw.engines.local.forward.reader import Reader

MOST_BYTES = 2**25  # of keys and values


class Kept(NamedTuple):
    read: Read
    logits: Tensor  # [V], of the first token behind it


class KeptPrompts:
    def __init__(self, reader: Reader, head: Head, weights: Sequence[nn.Parameter], changes: Callable[[], int]) -> None:
        self.reader, self.head, self.weights, self.changes = reader, head, weights, changes
        self.found: dict[Tokens, Kept] = {}
        self.num_bytes = 0
        self.mark: tuple[int, ...] = ()

    def known(self) -> dict[Tokens, Kept]:
        """What was read with these weights."""
        mark = (self.changes(), *(number for p in self.weights for number in (p._version, p.data_ptr())))
        if mark != self.mark:
            self.found, self.num_bytes, self.mark = {}, 0, mark
        return self.found

    def read(self, prompts: Sequence[Tokens], device: torch.device) -> tuple[list[Read], Tensor]:
        known = dict(self.known())
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in known]
        if new:
            for prompt, read, logits in zip(new, *read_prompts(self.reader, self.head, new, device), strict=True):
                known[prompt] = Kept(read, logits)
                self._keep(prompt, known[prompt])
        return [known[prompt].read for prompt in prompts], torch.stack([known[prompt].logits for prompt in prompts])

    def wants(self, flat: Flat) -> bool:
        """Whether a batch that is about to be read has prompts that come out as they do alone, and are new."""
        pack = flat.pack
        is_alike = self.reader.is_by_token and pack.prompt_index is None and ROW_TILE <= pack.p <= SAME_BITS
        return is_alike and not all(prompt in self.known() for prompt in prompts_of(flat))

    def take(self, flat: Flat, hidden: Tensor) -> None:
        """Of a batch that was read with `record`."""
        pack, prompts = flat.pack, prompts_of(flat)
        last = hidden[: pack.num_prompt_tokens].view(pack.u, pack.p, -1)[:, -1]
        logits = self.head.logits(full_tile(last))[: pack.u]
        for u, prompt in enumerate(prompts):
            kept = {layer: (alone(k, u), alone(v, u)) for layer, (k, v) in pack.kept.items()}
            self._keep(prompt, Kept(Read([pack.p], kept, pack.device), logits[u]))

    def _keep(self, prompt: Tokens, kept: Kept) -> None:
        """As long as there is room: no older one leaves for it."""
        size = sum(x.nbytes for pair in kept.read.kept.values() for x in pair)
        if prompt not in self.found and self.num_bytes + size <= MOST_BYTES:
            self.found[prompt] = kept
            self.num_bytes += size


def alone(x_UKPD: Tensor, u: int) -> Tensor:
    """Of one prompt, in the order of memory that a reading of it leaves."""
    return x_UKPD[u : u + 1].clone(memory_format=torch.contiguous_format)


def prompts_of(flat: Flat) -> list[Tokens]:
    tokens = flat.tokens[: flat.pack.num_prompt_tokens].view(flat.pack.u, flat.pack.p)
    return [tuple(row) for row in tokens.tolist()]
