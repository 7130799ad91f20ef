"""PEFT's layers by a shorter way, with the same bits.

    layer(x)  =  base(x) + B A x * scale          one adapter, which is neither merged nor switched off

What PEFT looks up at each call, and the two modules that it calls, take longer than a narrow product of a few rows. And
under autocast it widens x for weights that are rounded to x's own kind right away.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from straw.engines.local.adapters.rank_one import inner


class ShortWay:
    """Stands in for the `forward` of a layer that PEFT has made; what is out of the ordinary goes PEFT's way."""

    def __init__(self, layer: Any, adapter: str) -> None:
        self.layer, self.adapters, self.long_way = layer, [adapter], layer.forward
        self.base, self.a, self.b = layer.base_layer, layer.lora_A[adapter], layer.lora_B[adapter]
        self.scale = layer.scaling[adapter]
        layer.forward = self

    def __call__(self, x: Tensor, *more: Any, **named: Any) -> Tensor:
        layer = self.layer
        if more or named or layer.disable_adapters or layer.merged or layer.active_adapters != self.adapters:
            widened: Tensor = self.long_way(x, *more, **named)
            return widened
        result: Tensor = self.base(x)
        a, b = self.a.weight, self.b.weight
        if x.dtype != a.dtype and not torch.is_autocast_enabled(x.device.type):
            x = x.to(a.dtype)
        return (result + F.linear(inner(x, a), b) * self.scale).to(result.dtype)


def shorten(model: nn.Module) -> None:
    """In place, for linear layers with one plain adapter."""
    from peft.tuners.lora.layer import Linear

    found: list[Any] = [layer for layer in model.modules() if type(layer) is Linear]
    for layer in filter(is_plain, found):
        ShortWay(layer, layer.active_adapters[0])


def is_plain(layer: Any) -> bool:
    if len(layer.active_adapters) != 1 or layer.lora_variant:
        return False
    (adapter,) = layer.active_adapters
    has_dropout = not isinstance(layer.lora_dropout[adapter], nn.Identity)
    return adapter in layer.lora_A and layer.lora_B[adapter].bias is None and not has_dropout
