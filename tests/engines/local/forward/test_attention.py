"""The parts of attention over a shared prefix, on numbers that a person can follow."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from straw.engines.local.forward import attention
from straw.engines.local.forward.attention import (
    FORBIDDEN,
    KEY_TILE,
    Rule,
    by_key_head,
    causal_bias,
    from_key_head,
    weigh,
)
from straw.engines.local.forward.kv_cache import Decode, fewest_keys, keys_for
from straw.engines.local.forward.packing import Pack, ragged_index

CPU = torch.device("cpu")
RULE = Rule(scaling=0.5)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_every_prompt_counts_from_0_and_every_reply_goes_on_behind_its_prompt() -> None:
    pack = Pack([3, 1], [[2, 0], [4]], CPU)
    assert pack.positions.tolist() == [0, 1, 2, 0, 3, 4, 1, 2, 3, 4]
    assert (pack.u, pack.p, pack.g, pack.t) == (2, 3, 2, 4)


def test_a_query_sees_what_is_visible_behind_it_and_inside_the_window() -> None:
    visible = torch.tensor([True, True, True, False])
    bias = causal_bias(torch.tensor([2, 3]), torch.arange(4), visible, window=2)
    assert (bias == 0).tolist() == [[False, True, True, False], [False, False, True, False]]
    assert float(bias.min()) == float(torch.tensor(FORBIDDEN))


def test_full_rows_need_no_index() -> None:
    assert ragged_index(torch.tensor([2, 2]), 2, 5) == (None, None)
    index, back = ragged_index(torch.tensor([1, 2]), 2, 5)
    assert index is not None and back is not None
    assert index.tolist() == [5, 0, 6, 7]  # padding points at token 0
    assert back.tolist() == [0, 2, 3]


def test_queries_that_share_a_key_head_come_back_to_their_places() -> None:
    q = draw(2, 3, 4, 5)
    together = by_key_head(q, 2)
    assert together.shape == (2, 2, 6, 5)
    assert torch.equal(together[0, 1, 3], q[0, 1, 3])  # token 1 with head 3, the second of key head 1
    assert torch.equal(from_key_head(together, 3), q)


def test_keys_without_weight_change_no_bit_of_a_sum_over_them() -> None:
    weights, values = draw(2, 16, 250).softmax(-1), draw(2, 250, 8)
    alone = weigh(F.pad(weights, (0, 6)), F.pad(values, (0, 0, 0, 6)))
    for length in (320, 384, 1024):
        longer = weigh(F.pad(weights, (0, length - 250)), F.pad(values, (0, 0, 0, length - 250)))
        assert torch.equal(longer, alone)
    assert torch.allclose(alone, weights @ values, atol=1e-6)


@pytest.mark.parametrize("rule", [RULE, Rule(0.5, window=3), Rule(0.5, softcap=2.0), Rule(0.5, window=3, softcap=2.0)])
def test_a_pack_is_attention_over_every_sequence_by_itself(rule: Rule) -> None:
    """Prompts of 4 and 2 tokens, replies of 3, 1 and 2; two query heads per key head."""
    lengths, replies = [4, 2], [[3, 1], [2]]
    pack = Pack(lengths, replies, CPU)
    q, k, v = draw(12, 4, 6), draw(12, 2, 6) + 1, draw(12, 2, 6) - 1
    out = pack.attend(0, q, k, v, rule)
    sequences = [[0, 1, 2, 3, 6, 7, 8], [0, 1, 2, 3, 9], [4, 5, 10, 11]]
    for places in sequences:
        assert torch.allclose(out[places], alone(q[places], k[places], v[places], rule), atol=1e-6)


def alone(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rule: Rule) -> torch.Tensor:
    """One sequence, by the formula."""
    k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    scores = torch.einsum("ihd,jhd->hij", q, k) * rule.scaling
    if rule.softcap is not None:
        scores = rule.softcap * torch.tanh(scores / rule.softcap)
    behind = torch.arange(len(q)).unsqueeze(1) - torch.arange(len(q))
    seen = (behind >= 0) & (behind < (rule.window or len(q)))
    return torch.einsum("hij,jhd->ihd", scores.masked_fill(~seen, -torch.inf).softmax(-1), v)


def test_a_row_grows_where_its_kept_tokens_end() -> None:
    """The second row keeps one of two tokens; the next overwrites the other."""
    prompt = Pack([3], [[]], CPU, record=True)
    q, k, v = draw(3, 2, 8), draw(3, 2, 8), draw(3, 2, 8)
    prompt.attend(0, q, k, v, RULE)
    decode = Decode([prompt], 2)
    assert decode.p == KEY_TILE
    decode.reserve(3)
    assert decode.grow(2).tolist() == [3, 4, 3, 4]
    first = draw(4, 2, 8) + 0.5
    decode.attend(0, first, first, first, RULE)
    decode.settle(torch.tensor([2, 1]))
    assert decode.grow(1).tolist() == [5, 4]
    second = draw(2, 2, 8) - 0.5
    out = decode.attend(0, second, second, second, RULE)
    for row, kept in enumerate(([0, 1], [2])):
        keys = torch.cat([k, first[kept], second[[row]]])
        values = torch.cat([v, first[kept], second[[row]]])
        weights = (torch.einsum("hd,jhd->hj", second[row], keys) * 0.5).softmax(-1)
        assert torch.allclose(out[row], torch.einsum("hj,jhd->hd", weights, values), atol=1e-5)


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (4, 2), (3, 1)])
def test_queries_that_share_a_key_head_stand_together_and_go_back(heads: int, key_heads: int) -> None:
    """Also where each has a head of its own, as in models that do not share any."""
    q = draw(2, 5, heads, 3)
    found, rep = by_key_head(q, key_heads), heads // key_heads
    assert found.shape == (2, key_heads, 5 * rep, 3)
    for token in range(5):
        for head in range(heads):
            row = found[:, head // rep, token * rep + head % rep]
            assert torch.equal(row, q[:, token, head])
    assert torch.equal(from_key_head(found, 5), q)


@pytest.mark.parametrize(
    ("count", "fewest", "keys"), [(1, 16, 16), (16, 16, 16), (17, 16, 32), (64, 16, 64), (65, 16, 80), (65, 64, 128),
                                  (129, 32, 160), (5, 64, 64)],
)  # fmt: skip
def test_keys_are_looked_at_in_whole_tiles_and_never_few_in_the_last(count: int, fewest: int, keys: int) -> None:
    assert keys_for(count, fewest) == keys


def test_room_for_a_row_s_own_keys_is_made_in_whole_tiles() -> None:
    """Else the last of them would be looked at in a piece, and its sum be another one than in a trainer."""
    prompt = Pack([3], [[]], CPU, record=True)
    x = draw(3, 2, 64)
    prompt.attend(0, x, x, x, RULE)
    decode = Decode([prompt], 1)
    assert decode.fewest_keys == fewest_keys(64) == 16
    for more, room in ((20, 32), (30, 64), (1, 64), (45, 80)):
        decode.reserve(more)
        assert decode.capacity == room
        decode.grow(more)
        assert decode.c == keys_for(decode.longest, 16) <= decode.capacity
        new = draw(more, 2, 64)
        decode.attend(0, new, new, new, RULE)
        decode.settle(torch.tensor([more if more != 30 else 0]))


@pytest.mark.parametrize("window", [None, 3])
def test_long_replies_are_trained_on_a_few_rows_of_each_prompt_at_a_time(
    window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the scores have room for, with the gradient of all at once."""
    u, g, t, h, d, p = 2, 5, 3, 2, 8, 4
    parts = [
        draw(u, g, t, h, d),
        draw(u, 1, p, d),
        draw(u, 1, p, d) + 1,
        draw(u * g, 1, t, d),
        draw(u * g, 1, t, d) - 1,
    ]
    q, *rest = [one.requires_grad_() for one in parts]
    slots = torch.arange(t).repeat(u, g)
    bias = torch.cat(
        [
            causal_bias(p + slots, torch.arange(p).expand(u, -1), torch.ones(u, p, dtype=torch.bool), window),
            causal_bias(slots, torch.arange(t), torch.ones(t, dtype=torch.bool), window),
        ],
        dim=-1,
    )
    given = (q, (rest[0], rest[1]), (rest[2], rest[3]), bias, RULE)
    whole = attention.attend_prefix_and_own(*given)
    expected = torch.autograd.grad(whole.sin().sum(), parts)
    sizes: list[int] = []
    own = attention.attend_prefix_and_own

    def counted(*some: Any) -> torch.Tensor:
        sizes.append(some[0].shape[1])
        return own(*some)

    monkeypatch.setattr(attention, "attend_prefix_and_own", counted)
    monkeypatch.setattr(attention, "FEW_SCORES", 0)
    for room, pieces in ((2, [2, 2, 1]), (5, [5]), (0, [1] * 5)):
        sizes.clear()
        monkeypatch.setattr(attention, "SCORES", room * u * t * h * (p + t))
        found = attention.attend_in_pieces(*given)
        assert sizes == pieces
        assert torch.allclose(found, whole, atol=1e-6)
        for one, other in zip(torch.autograd.grad(found.sin().sum(), parts), expected, strict=True):
            assert torch.allclose(one, other, atol=1e-5)
    sizes.clear()
    with torch.no_grad():
        attention.attend_in_pieces(*given)
    assert sizes == [5]
