"""Where attention fills up rows, cuts sums and computes in pieces: both sides of every bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from straw.engines.local.forward import attention
from straw.engines.local.forward.attention import (
    FEW_SCORES,
    KEY_TILE,
    ROW_TILE,
    SCORES,
    Rule,
    attend_in_pieces,
    attend_prefix_and_own,
    full_tile,
    one_for_each,
    round_up,
    spread,
    tile_for,
    weigh,
)
from straw.engines.local.forward.kv_cache import fewest_keys, keys_for

RULE = Rule(0.5)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a device that promises no bits."""
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)


def test_counts_are_rounded_up_to_whole_tiles() -> None:
    assert [round_up(count) for count in (0, 1, 16, 17, 32)] == [0, 16, 16, 32, 32]
    assert [round_up(count, 4) for count in (1, 4, 5)] == [4, 4, 8]


def test_a_product_of_a_row_s_own_keys_has_four_hundred_multiplications_at_least() -> None:
    assert [fewest_keys(width) for width in (8, 12, 13, 24, 25, 64, 512)] == [64, 48, 32, 32, 16, 16, 16]


def test_a_last_tile_of_keys_that_is_just_large_enough_is_left_as_it_is() -> None:
    assert [keys_for(count, 32) for count in (80, 96, 97, 112, 128, 129)] == [96, 96, 112, 112, 128, 160]


def test_scores_that_exist_at_once_are_a_quarter_of_a_gibibyte_and_kept_ones_four_mebibytes() -> None:
    assert SCORES * 4 == 256 * 2**20 and FEW_SCORES * 4 == 4 * 2**20


# --- rows


def test_few_rows_are_filled_up_with_zeros_behind_them_and_a_full_tile_is_left_alone() -> None:
    rows = draw(2, 3, 5)
    full = full_tile(rows)
    assert full.shape == (2, ROW_TILE, 5)
    assert torch.equal(full[:, :3], rows) and not full[:, 3:].any()
    assert full_tile(rows, 4).shape == (2, 4, 5)
    for enough in (draw(16, 5), draw(17, 5)):
        assert full_tile(enough) is enough
    assert full_tile(rows, 3) is rows and full_tile(rows, 2) is rows


def test_training_fills_no_rows_up() -> None:
    rows = draw(3, 5).requires_grad_()
    assert full_tile(rows) is rows and tile_for(rows) == ROW_TILE


@pytest.mark.usefixtures("elsewhere")
def test_where_no_bits_are_promised_no_rows_are_filled_up() -> None:
    rows = draw(3, 5)
    assert full_tile(rows) is rows and tile_for(rows) == ROW_TILE


def test_fewer_rows_than_a_tile_are_filled_up_to_what_was_measured_for_their_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "fewest_rows", lambda width: 100 + width)
    assert tile_for(draw(2, 15, 7)) == 107 and tile_for(draw(2, 1, 9)) == 109
    assert tile_for(draw(2, 16, 7)) == tile_for(draw(2, 17, 7)) == ROW_TILE
    assert tile_for(draw(2, 15, 7).bfloat16()) == ROW_TILE


# --- key heads


def test_a_key_head_stands_for_each_query_head_only_where_the_kernel_has_none_for_shared_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    q, k = draw(1, 3, 6, 4), draw(1, 3, 2, 4)
    assert one_for_each(k, q) is k
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    assert torch.equal(one_for_each(k, q), k[:, :, [0, 0, 0, 1, 1, 1]])
    assert one_for_each(q, q) is q
    halved = k.bfloat16()
    assert one_for_each(halved, q.bfloat16()) is halved


@pytest.mark.usefixtures("elsewhere")
def test_prompts_are_attended_alike_with_shared_key_heads_and_with_one_for_each() -> None:
    q, k, v = draw(2, 5, 4, 8), draw(2, 5, 2, 8) + 1, draw(2, 5, 2, 8) - 1
    mine = attention.attend_causally(q, k, v, None, RULE)
    each = attention.attend_causally(q, k.repeat_interleave(2, 2), v.repeat_interleave(2, 2), None, RULE)
    assert torch.allclose(mine, each, atol=1e-6)


def test_a_bias_is_repeated_for_the_heads_that_stand_together() -> None:
    bias = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    found = spread(bias, 6)
    assert found is not None
    assert found.tolist() == [[[[1.0, 2.0]] * 3 + [[3.0, 4.0]] * 3]]
    assert spread(None, 6) is None


# --- sums over keys


def counting(counted: list[int], count: Callable[..., int], real: Callable[..., Any]) -> Callable[..., Any]:
    """The real one, and `count` of what it is given is written down."""

    def called(*given: Any) -> Any:
        counted.append(count(*given))
        return real(*given)

    return called


@pytest.mark.parametrize(
    ("keys", "dtype", "trains", "whole"),
    [
        (KEY_TILE, torch.float32, False, True),
        (KEY_TILE + 1, torch.float32, False, False),
        (KEY_TILE + 1, torch.float32, True, True),
        (KEY_TILE + 1, torch.bfloat16, False, True),
    ],
)
def test_a_long_sum_is_cut_into_tiles_where_bits_are_kept_that_way(
    keys: int, dtype: torch.dtype, trains: bool, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(attention, "weighted_sum", counting(asked, lambda w, v: w.shape[-1], torch.matmul))
    weights, values = draw(2, 16, keys).to(dtype).requires_grad_(trains), draw(2, keys, 8).to(dtype)
    found = weigh(weights, values)
    assert asked == [keys] * whole
    assert torch.allclose(found.float(), (weights @ values).float(), atol=1e-4)


@pytest.mark.usefixtures("elsewhere")
def test_where_no_bits_are_promised_a_long_sum_is_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(attention, "weighted_sum", counting(asked, lambda w, v: w.shape[-1], torch.matmul))
    weigh(draw(2, 16, 200), draw(2, 200, 8))
    assert asked == [200]


# --- pieces


def parts(u: int, g: int, t: int, h: int, p: int) -> tuple[Any, ...]:
    d = 8
    prefix, own = (draw(u, h, p, d), draw(u, h, p, d) + 1), (draw(u * g, h, t, d), draw(u * g, h, t, d) - 1)
    return draw(u, g, t, h, d).requires_grad_(), prefix, own


@pytest.mark.parametrize(("few", "num_pieces"), [(2 * 5 * 3 * 2 * (4 + 3), 1), (2 * 5 * 3 * 2 * (4 + 3) - 1, 5)])
def test_few_scores_are_kept_and_one_more_goes_in_pieces(
    few: int, num_pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    counted = counting(calls, lambda *given: given[0].shape[1], attend_prefix_and_own)
    monkeypatch.setattr(attention, "attend_prefix_and_own", counted)
    monkeypatch.setattr(attention, "FEW_SCORES", few)
    monkeypatch.setattr(attention, "SCORES", 1)
    q, prefix, own = parts(u=2, g=5, t=3, h=2, p=4)
    found = attend_in_pieces(q, prefix, own, None, RULE)
    assert len(calls) == num_pieces and sum(calls) == 5
    assert torch.allclose(found, attend_prefix_and_own(q, prefix, own, None, RULE), atol=1e-6)
