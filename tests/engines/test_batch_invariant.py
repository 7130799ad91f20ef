"""Rows of a product in bfloat16 that do not know how many they are; where there is no AMX the same code is asked."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.small_runs import small_plan
from torch import Tensor

from straw.engines import batch_invariant as room
from straw.engines.base import AdamParams, Loss
from straw.engines.batch_invariant import batch_invariant, in_tiles, linear, weighted_sum
from straw.engines.local.build import load_engine
from straw.types import Datum

ROWS = (1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129, 200, 257, 384)


@pytest.fixture(autouse=True)
def amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "has_amx", lambda: True)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).bfloat16()


@pytest.mark.parametrize(("width", "out"), [(1536, 384), (576, 1536), (576, 192), (896, 896), (1000, 300)])
def test_a_row_has_the_same_bits_in_any_company(width: int, out: int) -> None:
    weight, bias, rows = drawn(out, width), drawn(out), drawn(512, width)
    whole = in_tiles(rows, weight, bias)
    assert all(torch.equal(in_tiles(rows[:count], weight, bias), whole[:count]) for count in ROWS)
    assert torch.equal(in_tiles(rows[200:203], weight, bias), whole[200:203])
    assert (whole - F.linear(rows, weight, bias)).abs().max() <= 0.5  # sums near 100, and bfloat16 has 8 bits


@pytest.mark.parametrize("keys", [5, 37, 90, 513])
def test_zeros_behind_the_last_key_change_no_bit(keys: int) -> None:
    weights, values = torch.softmax(drawn(3, 40, keys).float(), -1).bfloat16(), drawn(3, keys, 64)
    whole = weighted_sum(weights, values)
    for more in (1, 7, 28, 300):
        longer = weighted_sum(F.pad(weights, (0, more)), torch.cat([values, drawn(3, more, 64)], 1))
        assert torch.equal(longer, whole)
    assert all(torch.equal(weighted_sum(weights[:, :count], values), whole[:, :count]) for count in (1, 16, 33))


def test_the_gradient_is_that_of_the_plain_product() -> None:
    def gradients(product: object) -> list[Tensor]:
        given = [drawn(70, 48).float(), drawn(40, 48).float(), drawn(40).float()]
        for one in given:
            one.requires_grad_(True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = product(given[0].view(7, 10, 48), *given[1:])  # type: ignore[operator]
        assert out.shape == (7, 10, 40) and out.dtype == torch.bfloat16
        (out.float() * torch.arange(40) / 40).sum().backward()
        return [one.grad for one in given if one.grad is not None]

    ours, theirs = gradients(linear), gradients(F.linear)
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)


def test_every_linear_inside_is_meant_and_none_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(room, "in_tiles", lambda rows, *_: asked.append(len(rows)) or in_tiles(rows, *_))
    layer = torch.nn.Linear(8, 4)
    with torch.no_grad():
        layer(torch.zeros(3, 8))
        with batch_invariant("cpu"):
            layer(torch.zeros(5, 8))
        layer(torch.zeros(7, 8))
    assert asked == [5]


def test_without_amx_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "has_amx", lambda: False)
    with batch_invariant("cpu") as nothing:
        assert nothing is None


def test_what_is_computed_again_is_computed_alike() -> None:
    """Gradient checkpointing changes no bit, which it would where a layer came back otherwise."""
    datum = Datum(prompt=(1, 7, 3), tokens=tuple(range(2, 12)) * 9, weights=(1.0,) * 90)

    def trained(words: str) -> tuple[list[tuple[float, ...]], dict[str, float]]:
        engine = load_engine(small_plan(f"dtype=bfloat16 {words}").page)
        said = engine.forward_backward([datum], Loss(name="cross_entropy")).logprobs
        return said, engine.optim_step(AdamParams(learning_rate=1e-3))

    assert trained("gradient_checkpointing=true") == trained("")
