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
