"""Matrices that are laid out once: the bits of a plain product, whatever the company, and never yesterday's numbers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.engines.contract import prompts_of
from tests.engines.local.kinds import make_engine
from torch import Tensor, nn

from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward import packed_weights
from straw.engines.local.forward.packed_weights import Packed, can_pack, may_be_packed, pack_layers
from straw.engines.local.halves import halve_frozen, packed_bytes

needs_packing = pytest.mark.skipif(not can_pack(), reason="needs a processor with AVX-512 BF16 and without AMX")


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def layer(rows: int = 96, columns: int = 64, bias: bool = False, dtype: torch.dtype = torch.bfloat16) -> nn.Linear:
    made = nn.Linear(columns, rows, bias=bias, dtype=dtype).requires_grad_(False)
    made.weight.copy_(drawn(rows, columns))
    return made


def frozen(halved: bool) -> LocalEngine:
    engine = make_engine("llama", dtype="bfloat16")
    engine.model.requires_grad_(False)
    if halved:
        halve_frozen(engine)
    return engine


@needs_packing
@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (192, 576), (1536, 576), (576, 1536), (1000, 72)])
@torch.no_grad()
def test_a_packed_product_has_the_bits_of_a_plain_one(rows: int, columns: int) -> None:
    weight = drawn(rows, columns).bfloat16()
    packed = Packed(weight)
    for count in (1, 2, 5, 16, 17, 40, 200):
        x = drawn(count, columns).bfloat16()
        assert torch.equal(packed.times(x), F.linear(x, weight))
    assert packed.times(drawn(2, 3, columns)).shape == (2, 3, rows)


@needs_packing
@torch.no_grad()
def test_other_numbers_are_laid_out_anew_when_that_is_said() -> None:
    one, x = layer(), drawn(16, 64)
    (packed,) = pack_layers(one)
    before = one(x)
    one.weight.copy_(drawn(64, 96).t())
    assert torch.equal(one(x), before)  # nobody said so
    packed.renew([drawn(3), one.weight])
    assert not torch.equal(one(x), before)
    assert torch.equal(one(x), F.linear(x.bfloat16(), one.weight))
    one.weight.data = drawn(96, 64).bfloat16()  # weights that lie elsewhere are still these weights
    packed.renew([one.weight])
    assert torch.equal(one(x), before)


@needs_packing
@torch.no_grad()
def test_weights_that_come_unrounded_are_multiplied_as_autocast_would_round_them() -> None:
    """A generator looks at what the trainer shows, which on some arrangements is float32."""
    one, x = layer(), drawn(16, 64)
    (packed,) = pack_layers(one)
    one.weight.data = drawn(96, 64)
    packed.renew([one.weight])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(one(x), F.linear(x, one.weight))


def test_only_frozen_plain_matrices_in_bfloat16_that_are_no_adapters() -> None:
    assert may_be_packed(layer())
    assert not may_be_packed(layer(bias=True))
    assert not may_be_packed(layer(dtype=torch.float32))
    assert not may_be_packed(layer(columns=63)) and not may_be_packed(layer(rows=8))
    assert not may_be_packed(layer().requires_grad_(True))
    assert not may_be_packed(type("Other", (nn.Linear,), {})(64, 64, bias=False, dtype=torch.bfloat16))


@needs_packing
def test_nothing_is_laid_out_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    size = layer().weight.nbytes
    for free, is_packed in ((4 * size, True), (4 * size - 1, False), (None, True)):
        monkeypatch.setattr(packed_weights, "available_memory", lambda free=free: free)
        assert bool(pack_layers(layer())) == is_packed


@needs_packing
def test_a_product_with_a_way_back_is_a_plain_one() -> None:
    one, x = layer(), drawn(16, 64).bfloat16().requires_grad_(True)
    pack_layers(one)
    one(x).sum().backward()
    assert x.grad is not None and torch.allclose(
        x.grad.float(), one.weight.float().sum(0).expand(16, -1), rtol=0.02, atol=0.1
    )
    with torch.no_grad():
        assert one(x[:0]).shape == (0, 96)


def test_where_one_bit_differs_or_torch_has_no_such_product_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(weight: Tensor) -> None:
        raise AttributeError("no such product")

    def odd(rows: Tensor, matrix: object) -> Tensor:
        return torch.zeros(len(rows), 192, dtype=torch.bfloat16)

    for name, stand_in in (("laid_out", absent), ("multiply", odd), ("has_amx", lambda: True)):
        with monkeypatch.context() as patched:
            patched.setattr(packed_weights, name, stand_in)
            assert not can_pack.__wrapped__()
            patched.setattr(packed_weights, "can_pack", can_pack.__wrapped__)
            assert pack_layers(layer()) == []


def test_an_engine_says_what_it_says_without() -> None:
    """On a machine that packs nothing this compares an engine with itself."""
    plain, packed = frozen(halved=False), frozen(halved=True)
    prompts, params = prompts_of(plain), SamplingParams(max_tokens=6)
    assert plain.sample(prompts, 3, params, [range(3)] * 5) == packed.sample(prompts, 3, params, [range(3)] * 5)


@needs_packing
def test_what_generators_lay_out_once_more_is_in_the_forecast() -> None:
    engine = make_engine("llama", dtype="bfloat16")
    matrices = [p for name, p in engine.model.named_parameters() if "proj" in name]
    head = engine.head.weight
    is_tied = head is engine.model.get_input_embeddings().weight
    assert packed_bytes(engine) == 2 * sum(p.numel() for p in matrices) + (0 if is_tied else 2 * head.numel())
    assert packed_bytes(make_engine("llama")) == 0


def stand_ins(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """A machine that packs, whatever this one is: what is laid out is written down."""
    laid: list[Tensor] = []

    def lay(weight: Tensor) -> Tensor:
        laid.append(weight)
        return weight

    monkeypatch.setattr(packed_weights, "laid_out", lay)
    monkeypatch.setattr(packed_weights, "multiply", lambda rows, matrix: F.linear(rows, matrix))
    monkeypatch.setattr(packed_weights, "can_pack", lambda: True)
    return laid


@torch.no_grad()
def test_a_matrix_is_laid_out_at_its_first_product_and_again_only_when_it_is_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid = stand_ins(monkeypatch)
    weight, x = drawn(96, 64), drawn(2, 3, 64)
    packed = Packed(weight)
    assert laid == []
    for _ in range(2):
        found = packed.times(x)
    assert found.shape == (2, 3, 96) and found.dtype == torch.bfloat16
    assert torch.equal(found, F.linear(x.bfloat16(), weight.bfloat16()))
    packed.renew([drawn(96, 64), drawn(3)])
    packed.times(x)
    assert [one.dtype for one in laid] == [torch.bfloat16]
    packed.renew([drawn(3), weight])
    packed.times(x)
    assert len(laid) == 2


def test_layers_are_packed_without_a_way_back_and_an_empty_row_is_a_plain_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid = stand_ins(monkeypatch)
    monkeypatch.setattr(packed_weights, "available_memory", lambda: None)
    first, biased, last = layer(), layer(bias=True), layer(rows=64)
    packed = pack_layers(nn.Sequential(first, biased, last))
    assert len(packed) == 2 and packed[0].weight is first.weight and packed[1].weight is last.weight
    x = drawn(5, 64).bfloat16()
    assert first(x).shape == (5, 96) and laid == []  # gradients are wanted
    with torch.no_grad():
        assert first(x[:0]).shape == (0, 96) and laid == []
        assert torch.equal(first(x), F.linear(x, first.weight)) and len(laid) == 1


def test_packing_takes_a_quarter_of_what_is_free_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins(monkeypatch)
    size = layer().weight.nbytes + layer(rows=64).weight.nbytes
    for free, count in ((4 * size, 2), (4 * size - 1, 0), (None, 2)):
        monkeypatch.setattr(packed_weights, "available_memory", lambda free=free: free)
        assert len(pack_layers(nn.Sequential(layer(), layer(rows=64)))) == count


@pytest.mark.parametrize(("rows", "columns", "packs"), [(64, 64, True), (63, 64, False), (64, 63, False)])
def test_a_matrix_of_fewer_than_64_rows_or_columns_is_not_worth_it(rows: int, columns: int, packs: bool) -> None:
    assert may_be_packed(layer(rows, columns)) is packs


@pytest.mark.parametrize("lacking", [None, "has_amx", "is_fast_in_bfloat16", "is_available"])
def test_packing_needs_fast_bfloat16_a_library_for_it_and_no_amx(
    lacking: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins(monkeypatch)
    monkeypatch.setattr(packed_weights, "has_amx", lambda: lacking == "has_amx")
    monkeypatch.setattr(packed_weights, "is_fast_in_bfloat16", lambda device: lacking != "is_fast_in_bfloat16")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: lacking != "is_available")
    assert can_pack.__wrapped__() is (lacking is None)
