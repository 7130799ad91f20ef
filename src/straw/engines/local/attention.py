"""Attention over a shared prefix: a group's prompt is read once, its replies look back at it.

The tokens of a whole batch travel as one flat row, so no layer of the model sees padding:

    [ prompt 0 | prompt 1 | reply 0.0 | reply 0.1 | reply 1.0 | ... ]

Only attention must know who may see whom. A *layout* answers that, one for each way of reading:

    Pack    prompts with their replies, all at once, with gradients      (training, log-probabilities)
    Decode  prompts kept as keys and values; each row grows by a few     (sampling)

Every query sees two blocks of keys, the prefix that its group shares and the tokens of its own
row, and one softmax runs over both. Plain autograd works through it, so the gradient of the
shared prompt is the sum over its replies without a word about it here.

U prompts   G rows per prompt   P prompt tokens   T tokens per row   H heads   K key heads   D head width
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# A sample must not depend on its neighbours, so no product may round otherwise because a batch is larger or
# a neighbour's text longer. These bounds are measured; `probe` asks again on the machine of the run.
ROW_TILE = 16  # from this many rows on a matmul gives each row the same bits
KEY_TILE = 64  # a sum over more keys than this is cut into blocks by the library, and where depends on the sum
SMALL_PRODUCT = 400  # a product of fewer multiplications than this goes to another kernel
FORBIDDEN = -1e30  # finite, so that a row of padding alone does not become NaN


@dataclass(frozen=True, slots=True)
class Rule:
    """What a layer asks of its attention."""

    scaling: float
    window: int | None = None  # a key this far behind, or farther, is not seen
    softcap: float | None = None


def round_up(count: int, tile: int = ROW_TILE) -> int:
    return -(-count // tile) * tile


def causal_bias(query_positions: Tensor, key_positions: Tensor, visible: Tensor, window: int | None) -> Tensor:
    """0 where a query may look, FORBIDDEN elsewhere; shapes broadcast to [..., queries, keys]."""
    behind = query_positions.unsqueeze(-1) - key_positions.unsqueeze(-2)
    allowed = visible.unsqueeze(-2) & (behind >= 0)
    if window is not None:
        allowed = allowed & (behind < window)
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill_(~allowed, FORBIDDEN)


def softmax_weights(scores: Tensor, bias: Tensor | None, rule: Rule) -> Tensor:
    """float32 inside, as transformers does; the result has the scores' dtype."""
    if rule.softcap is not None:
        scores = torch.tanh(scores / rule.softcap) * rule.softcap
    if bias is not None:
        scores = scores + bias
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)


def by_key_head(q_NTHD: Tensor, num_key_heads: int) -> Tensor:
    """[N, T, H, D] -> [N, K, T * H/K, D]: the queries that share a key head stand together."""
    n, t, h, d = q_NTHD.shape
    rep = h // num_key_heads
    if rep == 1:
        return q_NTHD.transpose(1, 2)
    return q_NTHD.view(n, t, num_key_heads, rep, d).transpose(1, 2).reshape(n, num_key_heads, t * rep, d)


def from_key_head(out_NKQD: Tensor, num_tokens: int) -> Tensor:
    """The way back: [N, K, T * H/K, D] -> [N, T, H, D]."""
    n, k, q, d = out_NKQD.shape
    rep = q // num_tokens
    if rep == 1:
        return out_NKQD.transpose(1, 2)
    return out_NKQD.view(n, k, num_tokens, rep, d).transpose(1, 2).reshape(n, num_tokens, k * rep, d)


def attend_causally(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, rule: Rule) -> Tensor:
    """Prompts among themselves, [U, P, H, D]: torch's fused kernel where `bias` asks for nothing special."""
    if bias is None:
        out = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
            is_causal=True, scale=rule.scaling, enable_gqa=q.shape[2] != k.shape[2],
        )  # fmt: skip
        return out.transpose(1, 2)
    num_key_heads = k.shape[2]
    queries = by_key_head(q * rule.scaling, num_key_heads)
    weights = softmax_weights(queries @ k.permute(0, 2, 3, 1), spread(bias, queries.shape[2]), rule)
    return from_key_head(weights @ v.transpose(1, 2), q.shape[1])


def full_tile(rows: Tensor) -> Tensor:
    """At least ROW_TILE rows, so that a product gives each of them its bits; training needs no such care."""
    missing = ROW_TILE - rows.shape[-2]
    return rows if missing <= 0 or rows.requires_grad else F.pad(rows, (0, 0, 0, missing))


def weigh(weights: Tensor, values: Tensor) -> Tensor:
    """weights @ values, KEY_TILE keys at a time: weights of zero behind the last key then change no bit."""
    if weights.shape[-1] <= KEY_TILE or weights.requires_grad:
        return weights @ values
    pairs = zip(weights.split(KEY_TILE, -1), values.split(KEY_TILE, -2), strict=True)
    first, *others = (w @ v for w, v in pairs)
    total = first.float()
    for other in others:  # one after the other, as no reduction promises to
        total = total + other
    return total.to(first.dtype)


def spread(bias: Tensor | None, num_queries: int) -> Tensor | None:
    """A bias [N, T, keys] for N rows as [N, 1, queries, keys], each token's repeated for its heads."""
    if bias is None:
        return None
    return bias.repeat_interleave(num_queries // bias.shape[1], dim=1).unsqueeze(1)


def attend_prefix_and_own(
    q_UGTHD: Tensor,
    prefix_UKPD: tuple[Tensor, Tensor],
    own_RKCD: tuple[Tensor, Tensor],
    bias: Tensor | None,
    rule: Rule,
) -> Tensor:
    """One softmax over the group's shared keys and each row's own; R = U * G rows.

    `bias` is [U, G * T, P + C] or None; its columns are the prefix first, then the row's own.
    """
    u, g, t, h, d = q_UGTHD.shape
    keys, values = prefix_UKPD
    own_keys, own_values = own_RKCD
    num_key_heads, c = keys.shape[1], own_keys.shape[2]
    q_UGTHD = q_UGTHD * rule.scaling
    shared = by_key_head(q_UGTHD.reshape(u, g * t, h, d), num_key_heads)
    alone = by_key_head(q_UGTHD.reshape(u * g, t, h, d), num_key_heads)
    q = shared.shape[2]
    own_scores = (alone @ own_keys.transpose(2, 3)).view(u, g, num_key_heads, q // g, c)
    own_scores = own_scores.transpose(1, 2).reshape(u, num_key_heads, q, c)
    shared_scores = (full_tile(shared) @ keys.transpose(2, 3))[:, :, :q]
    scores = torch.cat([shared_scores, own_scores], dim=-1)
    weights = softmax_weights(scores, spread(bias, q), rule)
    on_prefix, on_own = weights.split([keys.shape[2], c], dim=-1)
    on_own = on_own.view(u, num_key_heads, g, q // g, c).transpose(1, 2).reshape(u * g, num_key_heads, q // g, c)
    from_prefix = from_key_head(weigh(full_tile(on_prefix), values)[:, :, :q], g * t).reshape(u, g, t, h, -1)
    from_own = from_key_head(weigh(on_own, own_values), t).reshape(u, g, t, h, -1)
    return from_prefix + from_own


class Pack:
    """Prompts and their replies in one flat row, read once.

    `reply_lengths[u]` names the replies of prompt u. Where lengths differ, attention alone is padded.
    With `record`, the keys and values of the prompts are kept for a Decode.
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
        self.u, self.p = len(prompt_lengths), max(prompt_lengths)
        self.g = max(map(len, reply_lengths), default=0)
        self.t = max((length for row in reply_lengths for length in row), default=0)
        self.num_prompt_tokens = sum(prompt_lengths)
        rectangle = [[*row, *[0] * (self.g - len(row))] for row in reply_lengths]
        self.prompt_len = torch.tensor(prompt_lengths, device=device)
        reply_len = torch.tensor(rectangle, device=device).flatten().long()
        self.positions = flat_positions(prompt_lengths, reply_lengths).to(device)
        self.prompt_index, self.prompt_back = ragged_index(self.prompt_len, self.p, 0)
        self.reply_index, self.reply_back = ragged_index(reply_len, self.t, self.num_prompt_tokens)
        self._biases: dict[tuple[int | None, bool], tuple[Tensor | None, Tensor | None]] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
        """[N, H, D] queries and [N, K, D] keys and values of the flat row -> [N, H, D]."""
        prompt_bias, reply_bias = self._bias(rule)
        pq, pk, pv = (self._prompts(x) for x in (q, k, v))
        if self.record:
            self.kept[layer] = (pk.transpose(1, 2), pv.transpose(1, 2))
        prompts = attend_causally(pq, pk, pv, prompt_bias, rule).flatten(0, 1)
        if self.prompt_back is not None:
            prompts = prompts[self.prompt_back]
        if self.t == 0:
            return prompts
        rq, rk, rv = (self._replies(x) for x in (q, k, v))
        out = attend_prefix_and_own(
            rq.view(self.u, self.g, self.t, *q.shape[1:]),
            (pk.transpose(1, 2), pv.transpose(1, 2)),
            (rk.transpose(1, 2), rv.transpose(1, 2)),
            reply_bias, rule,
        ).flatten(0, 2)  # fmt: skip
        return torch.cat([prompts, out if self.reply_back is None else out[self.reply_back]])

    def _prompts(self, x: Tensor) -> Tensor:
        flat = x[: self.num_prompt_tokens] if self.prompt_index is None else x[self.prompt_index]
        return flat.view(self.u, self.p, *x.shape[1:])

    def _replies(self, x: Tensor) -> Tensor:
        flat = x[self.num_prompt_tokens :] if self.reply_index is None else x[self.reply_index]
        return flat.view(self.u * self.g, self.t, *x.shape[1:])

    def _bias(self, rule: Rule) -> tuple[Tensor | None, Tensor | None]:
        """Made once for all layers of one kind."""
        window = None if rule.window is None or rule.window >= self.p + self.t else rule.window
        fused = window is None and rule.softcap is None
        if (window, fused) not in self._biases:
            self._biases[window, fused] = (None if fused else self._prompt_bias(window), self._reply_bias(window))
        return self._biases[window, fused]

    def _prompt_bias(self, window: int | None) -> Tensor:
        """Padding stands behind every real token, so causality alone hides it."""
        steps = torch.arange(self.p, device=self.device)
        return causal_bias(steps, steps, torch.ones_like(steps, dtype=torch.bool), window).expand(self.u, -1, -1)

    def _reply_bias(self, window: int | None) -> Tensor | None:
        if self.t == 0:
            return None
        steps_P = torch.arange(self.p, device=self.device)
        steps_T = torch.arange(self.t, device=self.device)
        starts = self.prompt_len.view(-1, 1)
        query = (starts + steps_T).repeat(1, self.g)
        prefix = causal_bias(query, steps_P.expand(self.u, -1), steps_P < starts, window)
        own = causal_bias(steps_T, steps_T, torch.ones_like(steps_T, dtype=torch.bool), window)
        return torch.cat([prefix, own.repeat(self.g, 1).expand(self.u, -1, -1)], dim=-1)


def flat_positions(prompt_lengths: Sequence[int], reply_lengths: Sequence[Sequence[int]]) -> Tensor:
    """Every prompt counts from 0, every reply goes on where its prompt ends."""
    prompts = [torch.arange(length) for length in prompt_lengths]
    replies = [
        torch.arange(start, start + length)
        for start, row in zip(prompt_lengths, reply_lengths, strict=True)
        for length in row
    ]
    return torch.cat(prompts + replies)


def ragged_index(lengths: Tensor, width: int, offset: int) -> tuple[Tensor | None, Tensor | None]:
    """Where each cell of the padded rectangle lies in the flat row, and the way back.

    None when every row is full: then a reshape does. Padding points at token 0; nobody looks at it.
    """
    if bool((lengths == width).all()):
        return None, None
    steps = torch.arange(width, device=lengths.device)
    filled = steps < lengths.unsqueeze(1)
    starts = offset + lengths.cumsum(0) - lengths
    index = torch.where(filled, starts.unsqueeze(1) + steps, 0).flatten()
    return index, filled.flatten().nonzero().flatten()


class Decode:
    """Prompts already read; `rows_per_prompt` rows behind each, which grow by some tokens at a time.

    A row's own keys lie in a buffer at their own place, with no gap and no padding before them, so
    their order of summation does not depend on the neighbours. Prefixes are padded to whole tiles of
    keys for the same reason. Rows are [U, G], prompt by prompt.
    """

    def __init__(self, prefixes: Sequence[Pack], rows_per_prompt: int) -> None:
        self.device = prefixes[0].device
        self.u, self.g, self.capacity = len(prefixes), rows_per_prompt, 0
        lengths = [prefix.p for prefix in prefixes]
        self.p = round_up(max(lengths), KEY_TILE)
        self.prompt_len = torch.tensor(lengths, device=self.device)
        self.prefix = {
            layer: (self._padded(prefixes, layer, 0), self._padded(prefixes, layer, 1)) for layer in prefixes[0].kept
        }
        head_width = next(iter(self.prefix.values()))[0].shape[-1]
        self.fewest_keys = round_up(-(-SMALL_PRODUCT // head_width))
        self.own: dict[int, tuple[Tensor, Tensor]] = {}
        self.own_len = torch.zeros(self.u * self.g, dtype=torch.long, device=self.device)
        self.longest = 0  # no row is longer
        self.num_new = 0
        self._biases: dict[int | None, Tensor] = {}

    def _padded(self, prefixes: Sequence[Pack], layer: int, which: int) -> Tensor:
        return torch.cat([F.pad(one.kept[layer][which], (0, 0, 0, self.p - one.p)) for one in prefixes])

    def reserve(self, num_more: int) -> None:
        """Make room for this many tokens behind the longest row. Asks the device, so once for many tokens."""
        self.longest = int(self.own_len.max())
        more = max(round_up(self.longest + num_more), self.fewest_keys) - self.capacity
        if more > 0:
            self.capacity += more
            self.own = {
                layer: (F.pad(k, (0, 0, 0, more)), F.pad(v, (0, 0, 0, more))) for layer, (k, v) in self.own.items()
            }

    def grow(self, num_new: int) -> Tensor:
        """Announce `num_new` tokens for every row; returns the positions of the flat row [R * num_new]."""
        self.num_new = num_new
        self._biases.clear()
        self.slots = self.own_len.unsqueeze(1) + torch.arange(num_new, device=self.device)
        self.longest += num_new
        self.c = max(round_up(self.longest), self.fewest_keys)
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

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: Rule) -> Tensor:
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
        for buffer, new in ((keys, k), (values, v)):
            index = self.slots[:, None, :, None].expand(-1, new.shape[2], -1, new.shape[3])
            buffer.scatter_(2, index, new.transpose(1, 2))
        return keys[:, :, : self.c], values[:, :, : self.c]

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
