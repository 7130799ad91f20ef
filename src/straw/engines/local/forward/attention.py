"""Attention over a shared prefix: a group's prompt is read once, its replies look back at it.

The tokens of a whole batch travel as one flat row, so no layer of the model sees padding:

    [ prompt 0 | prompt 1 | reply 0.0 | reply 0.1 | reply 1.0 | ... ]

Only attention must know who may see whom. A *layout* answers that, one for each way of reading:

    pack.Pack      prompts with their replies, all at once, with gradients      (training, log-probabilities)
    decode.Decode  prompts kept as keys and values; each row grows by a few     (sampling)

Every query sees two blocks of keys, the prefix that its group shares and the tokens of its own
row, and one softmax runs over both. Plain autograd works through it, so the gradient of the
shared prompt is the sum over its replies without a word about it here.

U prompts   G rows per prompt   P prompt tokens   T tokens per row   H heads   K key heads   D head width
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from straw.engines.batch_invariant import weighted_sum
from straw.engines.local.forward.fewest_rows import ROW_TILE, fewest_rows
from straw.engines.precision import has_float64, keeps_bits

# A sample must not depend on its neighbours, so no product may round otherwise because a batch is larger or
# a neighbour's text longer. These bounds are measured; `probe` asks again on the machine of the run.
KEY_TILE = 64  # a sum over more keys than this is cut into blocks by the library, and where depends on the sum
SMALL_PRODUCT = 400  # a product of fewer multiplications than this goes to another kernel
SCORES = 2**26  # at once, where none is kept: 256 MiB of float32
FEW_SCORES = 2**20  # of a layer, which may be kept
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
    """float32 inside, as transformers does, float64 for scores in bfloat16; the result has the scores' dtype.

    Sampler and trainer pad their keys differently, so their float32 sums differ in the last bit, and one weight in
    some hundreds then rounds to another bfloat16; behind a float64 sum next to none does.
    """
    kind = scores.dtype
    if rule.softcap is not None:
        scores = torch.tanh(scores / rule.softcap) * rule.softcap
    if bias is not None:
        scores = scores + bias
    wide = kind == torch.bfloat16 and has_float64(scores.device)
    return torch.softmax(scores, dim=-1, dtype=torch.float64 if wide else torch.float32).to(kind)


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


def one_for_each(x_UPKD: Tensor, q_UPHD: Tensor) -> Tensor:
    """A key head for each query head, where torch has no kernel for shared ones but the one that keeps P x P scores."""
    repeats = q_UPHD.shape[2] // x_UPKD.shape[2]
    if repeats == 1 or q_UPHD.dtype != torch.float32 or keeps_bits(q_UPHD.device):
        return x_UPKD
    return x_UPKD.repeat_interleave(repeats, dim=2)


def attend_causally(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, rule: Rule) -> Tensor:
    """Prompts among themselves, [U, P, H, D]: torch's fused kernel where `bias` asks for nothing special."""
    if bias is None:
        k, v = (one_for_each(x, q) for x in (k, v))
        out = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
            is_causal=True, scale=rule.scaling, enable_gqa=q.shape[2] != k.shape[2],
        )  # fmt: skip
        return out.transpose(1, 2)
    num_key_heads = k.shape[2]
    queries = by_key_head(q * rule.scaling, num_key_heads)
    weights = softmax_weights(queries @ k.permute(0, 2, 3, 1), spread(bias, queries.shape[2]), rule)
    return from_key_head(weighted_sum(weights, v.transpose(1, 2)), q.shape[1])


def full_tile(rows: Tensor, tile: int = ROW_TILE) -> Tensor:
    """At least a tile of rows, so that a product gives each of them its bits; training needs no such care."""
    missing = tile - rows.shape[-2]
    return (
        rows if missing <= 0 or rows.requires_grad or not keeps_bits(rows.device) else F.pad(rows, (0, 0, 0, missing))
    )


def tile_for(queries: Tensor) -> int:
    """Of queries on a prompt's keys."""
    is_few = queries.shape[-2] < ROW_TILE and queries.dtype == torch.float32 and keeps_bits(queries.device)
    return fewest_rows(queries.shape[-1]) if is_few and not queries.requires_grad else ROW_TILE


def weigh(weights: Tensor, values: Tensor) -> Tensor:
    """weights @ values, KEY_TILE keys at a time: weights of zero behind the last key then change no bit.

    In bfloat16 the product as a whole has that property, and pieces would round otherwise than the trainer does.
    """
    is_whole = weights.requires_grad or values.dtype == torch.bfloat16 or not keeps_bits(values.device)
    if is_whole or weights.shape[-1] <= KEY_TILE:
        return weighted_sum(weights, values)
    pairs = zip(weights.split(KEY_TILE, -1), values.split(KEY_TILE, -2), strict=True)
    total, *others = (w @ v for w, v in pairs)
    for other in others:  # one after the other, as no reduction promises to
        total = total + other
    return total


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
    k, p, c = keys.shape[1], keys.shape[2], own_keys.shape[2]
    if t == 1 and h == k and not q_UGTHD.requires_grad:
        return attend_with_one_token(q_UGTHD, prefix_UKPD, own_RKCD, bias, rule)
    queries = (q_UGTHD * rule.scaling).view(u, g, t, k, h // k, d)  # those that share a key head stand together
    shared = queries.permute(0, 3, 1, 2, 4, 5).reshape(u, k, -1, d)
    alone = queries.transpose(2, 3).reshape(u * g, k, -1, d)
    q, tile = shared.shape[2], tile_for(shared)
    on_prefix = (full_tile(shared, tile) @ keys.transpose(2, 3))[:, :, :q].view(u, k, g, q // g, p)
    on_own = (alone @ own_keys.transpose(2, 3)).view(u, g, k, q // g, c).transpose(1, 2)
    scores = torch.cat([on_prefix, on_own], dim=-1).view(u, k, g, t, h // k, p + c)
    weights = softmax_weights(scores, None if bias is None else bias.view(u, 1, g, t, 1, p + c), rule)
    on_prefix, on_own = weights.view(u, k, g, q // g, p + c).split([p, c], dim=-1)
    from_prefix = weigh(full_tile(on_prefix.reshape(u, k, q, p), tile), values)[:, :, :q]
    from_own = weigh(on_own.transpose(1, 2).reshape(u * g, k, q // g, c), own_values)
    out = from_own.view(u, g, k, t, h // k, -1) + from_prefix.view(u, k, g, t, h // k, -1).transpose(1, 2)
    return out.transpose(2, 3).reshape(u, g, t, h, -1)


def attend_with_one_token(
    q_UGTHD: Tensor,
    prefix_UKPD: tuple[Tensor, Tensor],
    own_RKCD: tuple[Tensor, Tensor],
    bias: Tensor | None,
    rule: Rule,
) -> Tensor:
    """The same products, to the bit, in half as many steps: one token a row, a key head for each query head."""
    u, g, _, h, d = q_UGTHD.shape
    (keys, values), (own_keys, own_values) = ([x.flatten(0, 1) for x in pair] for pair in (prefix_UKPD, own_RKCD))
    p, c = keys.shape[1], own_keys.shape[1]
    alone = (q_UGTHD * rule.scaling).reshape(u * g * h, 1, d)
    shared = alone.view(u, g, h, d).transpose(1, 2).reshape(u * h, g, d)
    tile = tile_for(shared)
    on_prefix = torch.bmm(full_tile(shared, tile), keys.transpose(1, 2))[:, :g].view(u, h, g, p)
    on_own = torch.bmm(alone, own_keys.transpose(1, 2)).view(u, g, h, c).transpose(1, 2)
    scores = torch.cat([on_prefix, on_own], dim=-1)
    on_prefix, on_own = softmax_weights(scores, None if bias is None else bias.view(u, 1, g, p + c), rule).split(
        [p, c], dim=-1
    )
    from_prefix = weigh(full_tile(on_prefix.reshape(u * h, g, p), tile), values)[:, :g]
    from_own = weigh(on_own.transpose(1, 2).reshape(u * g * h, 1, c), own_values)
    return from_own.view(u, g, 1, h, d) + from_prefix.view(u, h, g, d).transpose(1, 2).unsqueeze(2)


def attend_in_pieces(
    q_UGTHD: Tensor,
    prefix_UKPD: tuple[Tensor, Tensor],
    own_RKCD: tuple[Tensor, Tensor],
    bias: Tensor | None,
    rule: Rule,
) -> Tensor:
    """The same, a few rows of every prompt at a time, and no score is kept: the way back computes them again.

    Kept whole they grow with prompt times reply times heads, in every layer: more than all else for long replies.
    """
    u, g, t, h, _ = q_UGTHD.shape
    keys = prefix_UKPD[0].shape[2] + own_RKCD[0].shape[2]
    if not torch.is_grad_enabled() or u * g * t * h * keys <= FEW_SCORES:
        return attend_prefix_and_own(q_UGTHD, prefix_UKPD, own_RKCD, bias, rule)
    size = max(1, SCORES // (u * t * h * keys))
    own = [x.view(u, g, *x.shape[1:]) for x in own_RKCD]
    seen = None if bias is None else bias.view(u, g, t, -1)
    pieces = []
    for start in range(0, g, size):
        rows = slice(start, min(start + size, g))
        own_piece = own[0][:, rows].flatten(0, 1), own[1][:, rows].flatten(0, 1)
        bias_piece = None if seen is None else seen[:, rows].flatten(1, 2)
        pieces.append(checkpoint(
            attend_prefix_and_own, q_UGTHD[:, rows], prefix_UKPD, own_piece, bias_piece, rule,
            use_reentrant=False, preserve_rng_state=False,
        ))  # fmt: skip
    return torch.cat(pieces, dim=1)
