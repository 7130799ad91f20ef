"""As few rows as this processor needs: the bits are those of a full tile, whatever the number is."""

from __future__ import annotations

import pytest
import torch

from straw.engines.local.forward import attention
from straw.engines.local.forward import fewest_rows as measured
from straw.engines.local.forward.attention import ROW_TILE, Rule, attend_prefix_and_own
from straw.engines.local.forward.fewest_rows import fewest_rows

pytestmark = pytest.mark.usefixtures("one_thread")


def attended(width: int, prompt: int, rows: int) -> torch.Tensor:
    """Of the first row behind each of five prompts."""
    draw = torch.Generator().manual_seed(width * prompt)
    q = torch.randn(5, 40, 1, 4, width, generator=draw)[:, :rows]
    keys, values = (torch.randn(5, 4, prompt, width, generator=draw) for _ in range(2))
    own = torch.randn(5, 40, 4, 64, width, generator=draw)[:, :rows].flatten(0, 1).contiguous()
    return attend_prefix_and_own(q, (keys, values), (own, own), None, Rule(width**-0.5))[:, 0]


@pytest.mark.parametrize("width", [8, 16, 32, 64, 80, 128])
@pytest.mark.parametrize("prompt", [64, 128, 576, 1280])
def test_a_row_alone_has_the_bits_that_it_has_among_many(width: int, prompt: int) -> None:
    assert torch.equal(attended(width, prompt, 1), attended(width, prompt, 40))


@pytest.mark.parametrize("tile", [ROW_TILE, 64])
def test_they_are_those_of_a_full_tile(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    few = attended(32, 192, 1)
    monkeypatch.setattr(attention, "fewest_rows", lambda width: tile)
    assert torch.equal(attended(32, 192, 1), few)


def test_where_nothing_is_enough_a_tile_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "is_enough", lambda rows, width, keys: rows == 8 and keys < 1024)
    measured.fewest_with.cache_clear()
    assert fewest_rows(32) == ROW_TILE
    measured.fewest_with.cache_clear()


def test_measuring_moves_no_seed() -> None:
    state = torch.random.get_rng_state()
    measured.fewest_with.cache_clear()
    assert fewest_rows(48) in (*measured.CANDIDATES, ROW_TILE)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_fewer_rows_than_that_round_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the tests above would say nothing on this processor."""
    if fewest_rows(32) == 2:
        pytest.skip("two rows are enough here, and one is never measured")
    among = attended(32, 576, 40)
    monkeypatch.setattr(attention, "fewest_rows", lambda width: 1)
    assert not torch.equal(attended(32, 576, 1), among)


@pytest.mark.parametrize("others", ["queries", "weights", "both", "neither"])
def test_rows_are_enough_when_both_products_have_the_bits_of_a_tile(
    others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The product with a prompt's keys, and that with its values, over the first 64 of them at a time."""
    asked: set[tuple[int, int, int]] = set()

    def same(left: torch.Tensor, right: torch.Tensor, rows: int) -> bool:
        asked.add((left.shape[-1], right.shape[-1], rows))
        return not (others == "both" or (others == "queries") == (left.shape[-1] == 32)) or others == "neither"

    monkeypatch.setattr(measured, "same", same)
    assert measured.is_enough(4, 32, 192) is (others == "neither")
    assert others != "neither" or asked == {(32, 192, 4), (64, 32, 4)}


def test_few_rows_are_the_same_when_each_has_the_bits_it_has_in_the_tile() -> None:
    left, right = torch.randn(1, 1, ROW_TILE, 8), torch.randn(1, 1, 8, 5)
    assert measured.same(left, right, ROW_TILE)
