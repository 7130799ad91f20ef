"""What was said behind a prompt, read at once, with the bits that it had while it was said a token at a time.

    prompt | reply  r r r r | message  m m m | reply  r r | message  m m m m |
             w w w b          b b b             w b         b b b b

A conversation of the local engine reads a reply as it is written, a token at a time (w), and its last token together
with the message behind it in a block (b). The two round otherwise: in attention a token alone is a product of few rows,
and one of a block is not. So here each token of a reply is a row of its own, and blocks are cut into rows of BLOCK_ROW
tokens, which give each of them the bits that it has in a block of any length. All rows see one buffer of own keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.base import Tokens
from straw.engines.local.forward.attention import (
    KEY_TILE,
    ROW_TILE,
    Rule,
    attend_prefix_and_own,
    causal_bias,
)
from straw.engines.local.forward.kv_cache import fewest_keys, keys_for
from straw.engines.local.forward.prompts.reading import Kept

BLOCK_ROW = 4  # tokens: `sampler.Rows.append` rounds its blocks up to this
AT_ONCE = 64  # rows of attention: each has the own keys in a copy of its own


def written_one_by_one(turns: Sequence[int], known: int) -> list[bool]:
    """Of each token behind the first `known`, whether it was read as it was written. `turns`: how long replies and
    messages are, in turn.

    >>> written_one_by_one((4, 3), 0)
    [True, True, True, False, False, False, False]
    """
    alone: list[bool] = []
    for place, length in enumerate(turns):
        is_reply = place % 2 == 0
        alone += [is_reply and token < length - 1 for token in range(length)]
    return alone[known:]


class Turns:
    """The layout: tokens behind one prompt that was read, and behind `known` keys of their own."""

    def __init__(self, prompt: Kept, said: Tokens, turns: Sequence[int], known: Kept, device: torch.device) -> None:
        self.device, self.prompt_length = device, next(iter(prompt.values()))[0].shape[2]
        padding = (0, 0, 0, -self.prompt_length % KEY_TILE)
        self.prompt = {layer: (F.pad(k, padding), F.pad(v, padding)) for layer, (k, v) in prompt.items()}
        self.known = known
        self.start = next((k.shape[2] for k, _ in known.values()), 0)
        self.num_new = len(said) - self.start
        fillers = [0] * max(0, ROW_TILE - self.num_new)
        self.tokens = torch.tensor([*said[self.start :], *fillers], device=device)
        steps = torch.arange(len(self.tokens), device=device).clamp_max(self.num_new - 1)  # fillers stand on the last
        self.positions = steps + self.prompt_length + self.start
        self.parts = parts_of(written_one_by_one(turns, self.start), device)
        self.kept: Kept = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        k = k.to(v.dtype)[: self.num_new]
        own = self.kept[layer] = (self._behind_known(layer, 0, k), self._behind_known(layer, 1, v[: self.num_new]))
        count = own[0].shape[2]
        keys = keys_for(count, fewest_keys(own[0].shape[3]))
        filled = [F.pad(x, (0, 0, 0, keys - count)) for x in own]
        out = v.new_zeros(q.shape)
        for part in self.parts:
            for rows in part.split(AT_ONCE):
                out[rows.flatten()] = self._seen(q[rows], layer, filled, rows, rule).flatten(0, 1)
        return out

    def _behind_known(self, layer: int, which: int, new: Tensor) -> Tensor:
        """[1, K, C, D]"""
        x = new.transpose(0, 1).unsqueeze(0)
        return torch.cat([self.known[layer][which], x], dim=2) if layer in self.known else x.contiguous()

    def _seen(self, q_GTHD: Tensor, layer: int, own: Sequence[Tensor], rows: Tensor, rule: Rule) -> Tensor:
        places = rows.flatten() + self.start
        steps_P = torch.arange(self.prompt[layer][0].shape[2], device=self.device)
        steps_C = torch.arange(own[0].shape[2], device=self.device)
        before = causal_bias(places + self.prompt_length, steps_P, steps_P < self.prompt_length, rule.window)
        bias = torch.cat([before, causal_bias(places, steps_C, torch.ones_like(steps_C) > 0, rule.window)], dim=-1)
        mine = copies(own[0], len(rows)), copies(own[1], len(rows))
        return attend_prefix_and_own(q_GTHD.unsqueeze(0), self.prompt[layer], mine, bias.unsqueeze(0), rule)[0]


def parts_of(alone: Sequence[bool], device: torch.device) -> list[Tensor]:
    """Rows of attention, [G, T] places in the flat row: those of one token, and those of BLOCK_ROW. What the last of
    these lacks is filled up with its last token."""
    one_by_one = [[token] for token, is_alone in enumerate(alone) if is_alone]
    others = [token for token, is_alone in enumerate(alone) if not is_alone]
    blocks = [others[begin : begin + BLOCK_ROW] for begin in range(0, len(others), BLOCK_ROW)]
    full = [[*block, *[block[-1]] * (BLOCK_ROW - len(block))] for block in blocks]
    return [torch.tensor(rows, device=device) for rows in (one_by_one, full) if rows]


def copies(x: Tensor, count: int) -> Tensor:
    """In memory as rows that decode have them: a product of few rows depends on it."""
    return x.expand(count, -1, -1, -1).contiguous()
