from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.adapters.short_way import ShortWay
from straw.engines.local.engine import bfloat16_on
from straw.engines.local.models.tiny import make_embedded

PRECISION: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "float32": nullcontext, "bfloat16": lambda: bfloat16_on("cpu"), "half a model": nullcontext,
}  # fmt: skip


def adapted(rank: int = 4) -> tuple[Any, list[ShortWay]]:
    model = add_lora(make_embedded("tiny-0.2M", 0)[0], rank, seed=1)
    torch.manual_seed(2)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            p.data.normal_()
    return model, [one.forward for one in model.modules() if isinstance(one.__dict__.get("forward"), ShortWay)]


def there_and_back(way: Callable[[Tensor], Tensor], layer: Any, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    layer.zero_grad()
    y = way(x)
    (y.float() * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    assert x.grad is not None
    return [y.detach(), x.grad, *(p.grad.clone() for p in layer.parameters() if p.grad is not None)]


@pytest.mark.parametrize("precision", PRECISION)
@pytest.mark.parametrize("rank", [1, 4])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_it_has_the_bits_of_pefts_way_there_and_back(kind: Any, rank: Any, precision: Any) -> None:
    _, ways = adapted(rank)
    assert len(ways) == 3 * 7
    for way in (ways[0], ways[-1]):
        if precision == "half a model":
            way.layer.bfloat16()
        if precision == "float32" and kind == torch.bfloat16:
            way.base.bfloat16()  # the frozen part is halved, and what learns is not
        x = torch.randn(9, way.a.weight.shape[1]).to(torch.bfloat16 if precision == "half a model" else kind)
        if precision == "float32":
            x = x.to(way.base.weight.dtype)
        with PRECISION[precision]():
            short, long = (there_and_back(one, way.layer, x) for one in (way, way.long_way))
        assert len(short) == 4 and all(torch.equal(one, other) for one, other in zip(short, long, strict=True))


def test_an_adapter_that_is_off_merged_or_another_goes_pefts_way() -> None:
    model, ways = adapted()
    layer, way = ways[0].layer, ways[0]
    x = torch.randn(5, way.a.weight.shape[1])
    usual = layer(x)
    assert torch.equal(usual, way.long_way(x)) and not torch.equal(usual, way.base(x))
    with model.disable_adapter():
        assert torch.equal(layer(x), way.base(x))
    layer.merge()
    torch.testing.assert_close(layer(x), usual)
    assert torch.equal(layer(x), way.base(x))
    layer.unmerge()
    model.add_adapter("other", model.peft_config["default"])
    model.set_adapter("other")  # whose B is zero
    assert torch.equal(layer(x), way.base(x))
    model.set_adapter("default")
    torch.testing.assert_close(layer(x), usual)
