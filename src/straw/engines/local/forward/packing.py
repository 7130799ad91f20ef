"""Prompts and their replies in one flat row, read once: how training and log-probabilities read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.local import heartbeat as pulse
from straw.engines.local.forward import attention
from straw.engines.local.forward.attention import (
    ROW_TILE,
    Rule,
    attend_causally,
    attend_in_pieces,
    attend_prefix_and_own,
    causal_bias,
    round_up,
)


class Pack:
    """Prompts and their replies in one flat row, read once.

    `reply_lengths[u]` names the replies of prompt u. Where lengths differ, attention alone is padded.
    With `record`, the keys and values of the prompts are kept for a Decode. With `begun`, they are there already,
    [U, P, K, D] by layer, and the flat row is the replies'.
    """

    def __init__(
        self,
        prompt_lengths: Sequence[int],
        reply_lengths: Sequence[Sequence[int]],
        device: torch.device,
        record: bool = False,
    ) -> None:
        self.device, self.record = device, record
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self.begun: dict[int, tuple[Tensor, Tensor]] = {}
        self.u, self.p = len(prompt_lengths), max(prompt_lengths)
        self.g = max(map(len, reply_lengths), default=0)
        self.t = max((length for row in reply_lengths for length in row), default=0)
        self.prompt_lengths, self.num_prompt_tokens = prompt_lengths, sum(prompt_lengths)
        rectangle = [[*row, *[0] * (self.g - len(row))] for row in reply_lengths]
        prompt_len, reply_len = torch.tensor(prompt_lengths), torch.tensor(rectangle).flatten().long()
        self.prompt_len = prompt_len.to(device)
        self.positions = flat_positions(prompt_lengths, reply_lengths).to(device)
        # made on the host, which would have to wait for the device to know whether all rows are full
        self.prompt_index, self.prompt_back = on(device, ragged_index(prompt_len, self.p, 0))
        self.reply_index, self.reply_back = on(device, ragged_index(reply_len, self.t, self.num_prompt_tokens))
        self._biases: dict[tuple[int | None, bool, int], tuple[Tensor | None, Tensor | None]] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        """[N, H, D] queries and [N, K, D] keys and values of the flat row -> [N, H, D]."""
        k = k.to(v.dtype)  # under autocast positions have made it float32 again, and every product would cast it back
        tile = ROW_TILE if v.dtype == torch.bfloat16 else 1
        prompt_bias, reply_bias = self._bias(rule, tile)
        pulse.layer(q, k, v)
        if self.begun:
            return self._replies_behind(*self.begun[layer], q, k, v, reply_bias, rule, tile)
        pq, pk, pv = (self._prompts(x) for x in (q, k, v))
        if self.record:
            self.kept[layer] = (pk.transpose(1, 2), pv.transpose(1, 2))
        prompts = self._among_themselves(pq, pk, pv, prompt_bias, rule)
        if self.t == 0:
            return prompts
        return torch.cat([prompts, self._replies_behind(pk, pv, q, k, v, reply_bias, rule, tile)])

    def _replies_behind(
        self, pk: Tensor, pv: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, rule: Rule, tile: int
    ) -> Tensor:
        """The replies' tokens, flat, behind the prompts' keys and values."""
        rq, rk, rv = (self._replies(x) for x in (q, k, v))
        attend = attend_prefix_and_own if attention.keeps_bits(self.device) else attend_in_pieces
        out = attend(
            rq.view(self.u, self.g, self.t, *q.shape[1:]),
            (by_head(pk, tile), by_head(pv, tile)),
            (by_head(rk, tile), by_head(rv, tile)),
            bias, rule,
        ).flatten(0, 2)  # fmt: skip
        return out if self.reply_back is None else out[self.reply_back]

    def _among_themselves(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, rule: Rule) -> Tensor:
        """The prompts' tokens, flat. In bfloat16 what comes out for a prompt depends on the padding behind it, and the
        sampler reads prompts alone: so does this."""
        if self.prompt_back is None:
            return attend_causally(q, k, v, bias, rule).flatten(0, 1)
        if v.dtype != torch.bfloat16 or not attention.keeps_bits(v.device):
            return attend_causally(q, k, v, bias, rule).flatten(0, 1)[self.prompt_back]
        alone = []
        for u, n in enumerate(self.prompt_lengths):
            own_bias = None if bias is None or is_fused(rule, n) else bias[u : u + 1, :n, :n]
            alone.append(attend_causally(q[u : u + 1, :n], k[u : u + 1, :n], v[u : u + 1, :n], own_bias, rule)[0])
        return torch.cat(alone)

    def _prompts(self, x: Tensor) -> Tensor:
        flat = x[: self.num_prompt_tokens] if self.prompt_index is None else x[self.prompt_index]
        return flat.view(self.u, self.p, *x.shape[1:])

    def _replies(self, x: Tensor) -> Tensor:
        before = 0 if self.begun else self.num_prompt_tokens
        if self.reply_index is None:
            return x[before:].view(self.u * self.g, self.t, *x.shape[1:])
        index = (self.reply_index - self.num_prompt_tokens).clamp_min_(0) if self.begun else self.reply_index
        return x[index].view(self.u * self.g, self.t, *x.shape[1:])

    def _bias(self, rule: Rule, tile: int) -> tuple[Tensor | None, Tensor | None]:
        """Made once for all layers of one kind."""
        fused = is_fused(rule, self.p)
        key = (rule.window, fused, tile)
        if key not in self._biases:
            self._biases[key] = (None if fused else self._prompt_bias(rule.window), self._reply_bias(rule.window, tile))
        return self._biases[key]

    def _prompt_bias(self, window: int | None) -> Tensor:
        """Padding stands behind every real token, so causality alone hides it."""
        steps = torch.arange(self.p, device=self.device)
        return causal_bias(steps, steps, torch.ones_like(steps, dtype=torch.bool), window).expand(self.u, -1, -1)

    def _reply_bias(self, window: int | None, tile: int) -> Tensor | None:
        """Keys that fill up a tile stand behind every token, where nobody looks."""
        if self.t == 0:
            return None
        steps_P = torch.arange(round_up(self.p, tile), device=self.device)
        steps_C = torch.arange(round_up(self.t, tile), device=self.device)
        steps_T = steps_C[: self.t]
        starts = self.prompt_len.view(-1, 1)
        query = (starts + steps_T).repeat(1, self.g)
        prefix = causal_bias(query, steps_P.expand(self.u, -1), steps_P < starts, window)
        own = causal_bias(steps_T, steps_C, torch.ones_like(steps_C, dtype=torch.bool), window)
        return torch.cat([prefix, own.repeat(self.g, 1).expand(self.u, -1, -1)], dim=-1)


def is_fused(rule: Rule, num_tokens: int) -> bool:
    """Whether attention among this many tokens asks for nothing but causality: then torch has a kernel for it."""
    return rule.softcap is None and (rule.window is None or rule.window >= num_tokens)


def by_head(x_NTKD: Tensor, tile: int) -> Tensor:
    """Keys or values as [N, K, T, D]. With a tile they lie in memory, and are filled up, as decoding has them: in
    bfloat16 a product depends on both."""
    x_NKTD = x_NTKD.transpose(1, 2)
    return x_NKTD if tile == 1 else F.pad(x_NKTD, (0, 0, 0, -x_NKTD.shape[2] % tile)).contiguous()


def flat_positions(prompt_lengths: Sequence[int], reply_lengths: Sequence[Sequence[int]]) -> Tensor:
    """Every prompt counts from 0, every reply goes on where its prompt ends."""
    prompts = [torch.arange(length) for length in prompt_lengths]
    replies = [
        torch.arange(start, start + length)
        for start, row in zip(prompt_lengths, reply_lengths, strict=True)
        for length in row
    ]
    return torch.cat(prompts + replies)


def on(device: torch.device, pair: tuple[Tensor | None, Tensor | None]) -> tuple[Tensor | None, Tensor | None]:
    first, second = (None if one is None else one.to(device) for one in pair)
    return first, second


def ragged_index(lengths: Tensor, width: int, offset: int) -> tuple[Tensor | None, Tensor | None]:
    """Where each cell of the padded rectangle lies in the flat row, and the way back.

    None when every row is full: then a reshape does. Padding points at token 0; nobody looks at it.
    """
    if bool((lengths == width).all()):
        return None, None
    steps = torch.arange(width)
    filled = steps < lengths.unsqueeze(1)
    starts = offset + lengths.cumsum(0) - lengths
    index = torch.where(filled, starts.unsqueeze(1) + steps, 0).flatten()
    return index, filled.flatten().nonzero().flatten()
