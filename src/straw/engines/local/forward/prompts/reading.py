"""Read prompts once, for all the rows behind them: many at a time, and what they begin with in common once for all.

    system ... Which is the largest: 12, 7, 40?      one flat row of distinct tokens:
    system ... Which is the largest: 88, 3, 51?      [ system ... Which is the largest: | 12, 7, 40? | 88, 3, 51? ]

No layer but attention sees more than a token, and there each prompt stands whole: so its keys, values and logits have
the bits that it has alone, as long as the prompts read together are equally long (what a row of attention rounds to
depends on the padding behind it) and no product has less than a tile of rows. A prompt whose first blocks were read
before, by whoever asked for another, is read from there on (`blocks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from straw.engines.base import Tokens
from straw.engines.local import heartbeat as pulse
from straw.engines.local.forward import attention
from straw.engines.local.forward.attention import ROW_TILE, Rule, attend_causally, causal_bias
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.packing import Pack, is_fused
from straw.engines.local.forward.prompts.blocks import attend_in_blocks
from straw.engines.local.forward.reader import Reader

READ_AT_ONCE = 16_384  # tokens of prompts, for attention; and for a card, which is idle with one prompt
READ_ON_CPU = 512  # distinct tokens: more are no faster, and fewer stay in its cache
Kept = dict[int, tuple[Tensor, Tensor]]  # by layer, keys and values [U, K, P, D]


@dataclass(frozen=True, slots=True)
class Read:
    """Prompts that were read: a `kv_cache.Prefix`."""

    prompt_lengths: Sequence[int]
    kept: Kept
    device: torch.device

    @property
    def p(self) -> int:
        return max(self.prompt_lengths)


def read_prompts(
    reader: Reader, head: Head, prompts: Sequence[Tokens], device: torch.device
) -> tuple[list[Read], Tensor]:
    """In order, and the logits of the first token behind each, [U, V]."""
    read = read_alike if attention.keeps_bits(device) else read_padded
    prefixes, last = read(reader, prompts, device)
    return prefixes, head.logits(attention.full_tile(last))[: len(prompts)]


# --- where fixed shapes keep a prompt's bits


def read_alike(reader: Reader, prompts: Sequence[Tokens], device: torch.device) -> tuple[list[Read], Tensor]:
    prefixes: list[Any] = [None] * len(prompts)
    last: list[Any] = [None] * len(prompts)
    for chosen in alike(prompts, reader.is_by_token):
        layout = Alike([prompts[index] for index in chosen], device)
        hidden = layout.of_each(reader.hidden(layout.tokens, layout.positions, layout))[:, -1]
        for place, index in enumerate(chosen):
            kept = {layer: (k[place : place + 1], v[place : place + 1]) for layer, (k, v) in layout.kept.items()}
            prefixes[index], last[index] = Read([len(prompts[index])], kept, device), hidden[place]
    return prefixes, torch.stack(last)


def alike(prompts: Sequence[Tokens], is_by_token: bool) -> Iterable[list[int]]:
    """Indices of prompts of one length that are read together; what is less than a tile stays alone."""
    by_length: dict[int, list[int]] = {}
    for index, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(index)
    for length, indices in by_length.items():
        begins = num_in_common([prompts[index] for index in indices])
        together = num_together(length, begins) if is_by_token and length >= ROW_TILE else 1
        yield from (indices[start : start + together] for start in range(0, len(indices), together))


def num_together(length: int, begins: int) -> int:
    """As many as make READ_ON_CPU distinct tokens, or read more of their own than of their beginning."""
    own = max(READ_ON_CPU - begins, begins)
    return max(1, min(own // (length - begins), READ_AT_ONCE // length))


def num_in_common(prompts: Sequence[Tokens]) -> int:
    """Of tokens that all begin with; each keeps a last one of its own."""
    least, most = min(prompts), max(prompts)
    differs = (place for place, (one, other) in enumerate(zip(least, most, strict=True)) if one != other)
    return min(next(differs, len(least)), len(least) - 1)


class Alike:
    """The layout: U prompts of P tokens, in a flat row of N that has their common beginning once. A single prompt may
    have `known` keys and values of its first tokens: whole blocks, of a reading whose `is_in_blocks` says so.
    """

    def __init__(self, prompts: Sequence[Tokens], device: torch.device, known: Kept | None = None) -> None:
        u, p = len(prompts), len(prompts[0])
        self.steps = torch.arange(p, device=device)
        self.is_alone = u == 1  # then both ways are a reshape
        if not self.is_alone:
            begins = num_in_common(prompts)
            own = torch.arange(u * (p - begins), device=device).view(u, -1) + begins
            self.index = torch.cat([self.steps[:begins].expand(u, -1), own], dim=1)
            cells = torch.arange(u * p, device=device).view(u, p)
            self.back = torch.cat([cells[0, :begins], cells[:, begins:].flatten()])
        self.known = known or {}
        start = next((keys.shape[2] for keys, _ in self.known.values()), 0)
        self.tokens = self.distinct(torch.tensor(prompts, device=device)[:, start:])
        self.positions = self.distinct(self.steps[start:].expand(u, -1))
        self.kept: Kept = {}
        self.is_in_blocks = True  # every layer so far

    def of_each(self, flat: Tensor) -> Tensor:
        """[N, ...] -> [U, P, ...]"""
        return flat.unsqueeze(0) if self.is_alone else flat[self.index]

    def distinct(self, whole: Tensor) -> Tensor:
        """[U, P, ...] -> [N, ...]"""
        return whole[0] if self.is_alone else whole.flatten(0, 1)[self.back]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        pulse.layer(q, k, v)
        q, k, v = (self.of_each(x) for x in (q, k.to(v.dtype), v))
        keys, values = self.kept[layer] = self._behind_known(layer, k, v)
        if in_blocks(rule, keys):
            self.is_in_blocks &= rule.window is None
            return self.distinct(attend_in_blocks(q, keys, values, rule))
        self.is_in_blocks = False
        if is_fused(rule, k.shape[1]):
            return self.distinct(attend_causally(q, k, v, None, rule))
        seen = torch.ones_like(self.steps, dtype=torch.bool)
        bias = causal_bias(self.steps, self.steps, seen, rule.window).unsqueeze(0)
        each = [attend_causally(q[u : u + 1], k[u : u + 1], v[u : u + 1], bias, rule) for u in range(len(q))]
        return self.distinct(torch.cat(each))

    def _behind_known(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = k.transpose(1, 2), v.transpose(1, 2)
        if layer in self.known:
            return torch.cat([self.known[layer][0], keys], dim=2), torch.cat([self.known[layer][1], values], dim=2)
        return keys.contiguous(), values.contiguous()


def in_blocks(rule: Rule, keys_UKPD: Tensor) -> bool:
    """In bfloat16 the trainer reads prompts as the sampler does, whole, and so does this."""
    return is_fused(rule, keys_UKPD.shape[2]) and keys_UKPD.dtype == torch.float32 and attention.keeps_bits(
        keys_UKPD.device
    )  # fmt: skip


# --- where nobody promises bits


def read_padded(reader: Reader, prompts: Sequence[Tokens], device: torch.device) -> tuple[list[Read], Tensor]:
    prefixes, last = [], []
    for some in together(prompts):
        pack = Pack([len(one) for one in some], [[]] * len(some), device, record=True)
        tokens = torch.tensor([token for one in some for token in one], device=device)
        last.append(reader.hidden(tokens, pack.positions, pack)[pack.prompt_len.cumsum(0) - 1])
        prefixes.append(Read(pack.prompt_lengths, pack.kept, device))
    return prefixes, torch.cat(last)


def together(prompts: Sequence[Tokens]) -> list[list[Tokens]]:
    """Neighbours, as many as make READ_AT_ONCE tokens when all are as long as the longest of them."""
    chunks: list[list[Tokens]] = []
    for prompt in prompts:
        if not chunks or max(len(prompt), *map(len, chunks[-1])) * (len(chunks[-1]) + 1) > READ_AT_ONCE:
            chunks.append([])
        chunks[-1].append(prompt)
    return chunks
