"""Prompts and replies in one flat row, and what a layer's rule asks of the kernel."""

from __future__ import annotations

import pytest
import torch

from straw.engines.local.forward.attention import FORBIDDEN, Rule
from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.packing import Pack, by_head, flat_positions, is_fused, ragged_index
from straw.engines.local.forward.prompts.reading import Read

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("rule", "num_tokens", "fused"),
    [
        (Rule(1.0), 9, True),
        (Rule(1.0, window=9), 9, True),  # the window closes behind the first token
        (Rule(1.0, window=9), 10, False),
        (Rule(1.0, softcap=30.0), 9, False),
        (Rule(1.0, window=20, softcap=30.0), 9, False),
    ],
)
def test_torch_has_a_kernel_for_what_is_merely_causal(rule: Rule, num_tokens: int, fused: bool) -> None:
    assert is_fused(rule, num_tokens) is fused


def test_keys_by_head_are_a_view_or_fill_a_tile_in_memory() -> None:
    x = torch.arange(24.0).view(2, 3, 2, 2)  # [N, T, K, D]
    plain, tiled = by_head(x, 1), by_head(x, 4)
    assert plain.shape == (2, 2, 3, 2) and plain.data_ptr() == x.data_ptr()
    assert tiled.shape == (2, 2, 4, 2) and tiled.is_contiguous()
    assert torch.equal(tiled[:, :, :3], plain) and not tiled[:, :, 3:].any()
    assert by_head(x, 3).shape == (2, 2, 3, 2)


def test_positions_go_on_behind_each_prompt_and_prompts_without_replies_stand_alone() -> None:
    assert flat_positions([2, 3], [[1, 2], []]).tolist() == [0, 1, 0, 1, 2, 2, 2, 3]
    pack = Pack([2, 3, 1], [[]] * 3, CPU)
    assert (pack.u, pack.p, pack.g, pack.t, pack.num_prompt_tokens) == (3, 3, 0, 0, 6)
    assert pack.positions.tolist() == [0, 1, 0, 1, 2, 0]


def test_a_flat_row_is_laid_out_as_a_rectangle_and_comes_back() -> None:
    lengths = torch.tensor([2, 0, 3])
    index, back = ragged_index(lengths, 3, 10)
    assert index is not None and back is not None
    assert index.tolist() == [10, 11, 0, 0, 0, 0, 12, 13, 14]
    assert back.tolist() == [0, 1, 6, 7, 8]


def test_a_reply_sees_its_own_prompt_whole_and_of_itself_what_was_written() -> None:
    """Prompts of 2 and 3 tokens with two replies of 2 each: columns are prompt places, then the reply's own."""
    pack = Pack([2, 3], [[2, 2], [2, 2]], CPU)
    _, bias = pack._bias(Rule(1.0, softcap=1.0), 1)
    assert bias is not None and bias.shape == (2, 4, 5)
    seen = (bias == 0).int().tolist()
    assert seen[0] == [[1, 1, 0, 1, 0], [1, 1, 0, 1, 1]] * 2
    assert seen[1] == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]] * 2
    assert float(bias.min()) == pytest.approx(FORBIDDEN)
    _, near = pack._bias(Rule(1.0, window=2), 1)
    assert near is not None
    assert (near == 0).int().tolist()[1] == [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]] * 2


# --- rows that grow


def prefix(*lengths: int, value: float = 0.0) -> list[Read]:
    return [
        Read([n], {0: (torch.full((1, 2, n, 8), value + n), torch.full((1, 2, n, 8), -value - n))}, CPU)
        for n in lengths
    ]


def test_prompts_stand_padded_to_whole_tiles_of_the_longest_or_of_one_yet_to_come() -> None:
    decode = Decode(prefix(3, 64), 2)
    assert (decode.u, decode.g, decode.p) == (2, 2, 64) and decode.prompt_len.tolist() == [3, 64]
    keys, values = decode.prefix[0]
    assert keys.shape == values.shape == (2, 2, 64, 8)
    assert keys[0, :, :3].eq(3).all() and not keys[0, :, 3:].any() and values[1].eq(-64).all()
    assert Decode(prefix(3, 65), 2).p == Decode(prefix(3), 2, longest_prompt=65).p == 128


def test_another_prompt_takes_a_place_and_its_rows_begin_again() -> None:
    decode = Decode(prefix(3, 5), 2)
    decode.reserve(4)
    decode.grow(3)
    decode.settle(torch.tensor([3, 1, 2, 0]))
    decode.begin_again([0, 1])
    assert decode.own_len.tolist() == [0, 0, 2, 0] and decode.longest == 2
    (other,) = prefix(9, value=100.0)
    decode.replace(0, other)
    assert decode.prompt_len.tolist() == [9, 5]
    keys, values = decode.prefix[0]
    assert keys[0, :, :9].eq(109).all() and not keys[0, :, 9:].any() and keys[1, :, :5].eq(5).all()
    assert values[0, :, :9].eq(-109).all() and not values[0, :, 9:].any()
    assert decode.grow(1).tolist() == [9, 9, 7, 5] and decode.longest == 3


def test_some_prompts_go_on_with_some_rows() -> None:
    decode = Decode(prefix(3, 5, 7), 4)
    decode.reserve(2)
    decode.grow(2)
    x = torch.arange(12 * 2 * 2 * 8.0).view(24, 2, 8)
    decode.attend(0, x, x, x, Rule(0.5))
    decode.settle(torch.tensor([0, 1, 2] * 4))
    own = decode.own[0][0].clone()
    decode.keep(torch.tensor([0, 2]), torch.tensor([1, 3, 8, 10]))
    assert (decode.u, decode.g) == (2, 2) and decode.prompt_len.tolist() == [3, 7]
    assert decode.own_len.tolist() == [1, 0, 2, 1] and torch.equal(decode.own[0][0], own[[1, 3, 8, 10]])
    assert decode.grow(1).tolist() == [4, 3, 9, 8]
