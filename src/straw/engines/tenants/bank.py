"""Many LoRA adapters beside one frozen model, of which no second copy is made.

    layer(x)  =  W x  +  what the route of the moment adds        route = None: nothing, the base alone
    adapter adds  (alpha / rank) B A x                            A [rank, in], B [out, rank]

Every linear layer of the model is wrapped in place, and all wrappers ask one `Bank` for the route. An `Adapter` is a
route: its own rows alone are read. A route that knows whose each row is can read those of many at once. The
arithmetic is PEFT's to the last bit, and so are the first weights of an adapter: they are those of `add_lora` with
the same seed.

The head is not wrapped, since it may be the embedding as well: `BankedHead` adds its part to the logits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from straw.engines.local.adapters.rank_one import inner
from straw.engines.local.forward.lm_head import Head, LowRank
from straw.engines.tenants.records import Shape
from straw.errors import ConfigError, ModelError

Pair = tuple[Tensor, Tensor]  # A and B


class Route(Protocol):
    """What adapters add to a layer's result: x [..., in] and result [..., out] -> the sum."""

    def add(self, layer: str, x: Tensor, result: Tensor) -> Tensor: ...

    def touches(self, layer: str) -> bool:
        """Whether it adds anything there."""
        ...


class Adapter:
    """A and B of some layers, by the layers' names in the model, in its order; the head's last."""

    def __init__(self, pairs: Mapping[str, Pair], scale: float) -> None:
        self.pairs, self.scale = dict(pairs), scale

    @property
    def rank(self) -> int:
        return next(iter(self.pairs.values()))[0].shape[0]

    def touches(self, layer: str) -> bool:
        return layer in self.pairs

    def add(self, layer: str, x: Tensor, result: Tensor) -> Tensor:
        pair = self.pairs.get(layer)
        if pair is None:
            return result
        a, b = pair
        return (result + F.linear(inner(x.to(a.dtype), a), b) * self.scale).to(result.dtype)

    def low_rank(self, layer: str) -> LowRank | None:
        pair = self.pairs.get(layer)
        return None if pair is None else (*pair, self.scale)

    def tensors(self) -> dict[str, Tensor]:
        """By PEFT's names below the model: "model.layers.0.mlp.up_proj.lora_A.weight"."""
        return {
            name_in_peft(layer, letter): tensor
            for layer, pair in self.pairs.items()
            for letter, tensor in zip("AB", pair, strict=True)
        }

    def shared(self) -> Adapter:
        """The same weights, without gradients: a snapshot until their owner steps."""
        return Adapter({layer: (a.detach(), b.detach()) for layer, (a, b) in self.pairs.items()}, self.scale)


@dataclass(frozen=True, slots=True, eq=False)
class FullWeights:
    """All weights of a model by name, where a tenant trains those: the base's, or a snapshot."""

    tensors: Mapping[str, Tensor]


Weights = Adapter | FullWeights


def name_in_peft(layer: str, letter: str) -> str:
    return f"{layer}.lora_{letter}.weight"


@dataclass(slots=True)
class Switch:
    """Where all layers of a bank see the route of the moment."""

    route: Route | None = None


class BankedLayer(nn.Module):
    """A linear layer, and beside it whatever the route adds."""

    def __init__(self, name: str, base: Any, switch: Switch) -> None:
        super().__init__()
        self.name, self.base, self.switch = name, base, switch

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.base(x)
        route = self.switch.route
        return result if route is None else route.add(self.name, x, result)

    @property
    def plain(self) -> Any:
        """What it is at the moment: the layer itself where nothing stands beside it."""
        route = self.switch.route
        return self if route is not None and route.touches(self.name) else self.base

    @property  # some architectures look at their layers' parameters
    def weight(self) -> Tensor:
        weight: Tensor = self.base.weight
        return weight

    @property
    def bias(self) -> Tensor | None:
        bias: Tensor | None = self.base.bias
        return bias


@dataclass(frozen=True)
class BankedHead(Head):
    """The head of a model; what the route of the moment adds to its logits comes before its multiplier and cap."""

    switch: Switch = field(default_factory=Switch)
    name: str = ""

    def raw(self, hidden: Tensor) -> Tensor:
        z = Head.raw(self, hidden)
        return z if self.switch.route is None else self.switch.route.add(self.name, hidden, z)

    def low_rank(self) -> LowRank | None:
        route = self.switch.route
        return route.low_rank(self.name) if isinstance(route, Adapter) else None


class Bank:
    """A model's linear layers, wrapped; the model is frozen from now on."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.switch = Switch()
        model.requires_grad_(False)
        head = model.get_output_embeddings()
        names = {module: name for name, module in model.named_modules()}
        if head not in names:
            raise ModelError("straw puts an adapter on a model's head, and this model has none")
        self.head = names[head]
        self.sizes = {
            name: sizes(m) for m, name in names.items() if isinstance(m, nn.Linear | Conv1D) and m is not head
        }
        for name in self.sizes:
            parent, _, last = name.rpartition(".")
            place = model.get_submodule(parent)
            setattr(place, last, BankedLayer(name, getattr(place, last), self.switch))
        self.sizes[self.head] = sizes(head)

    def head_of(self, model: PreTrainedModel) -> BankedHead:
        plain = Head.of(model)
        return BankedHead(
            plain.weight, plain.bias, plain.multiplier, plain.softcap, switch=self.switch, name=self.head
        )  # fmt: skip

    @contextmanager
    def acting(self, route: Route | None) -> Iterator[None]:
        """Inside, the model is the base with this beside it. Not to be held across a `yield` to others."""
        before, self.switch.route = self.switch.route, route
        try:
            yield
        finally:
            self.switch.route = before

    def layers(self, shape: Shape) -> list[str]:
        """Those that a tenant of this shape trains."""
        wanted = {"attn": shape.attn, "mlp": shape.mlp, "unembed": shape.unembed}
        chosen = [layer for layer in self.sizes if wanted[self.part(layer)]]
        if not chosen:
            raise ConfigError(
                "adapters need layers to stand beside; got train_attn=false, train_mlp=false and train_unembed=false: "
                "leave one of them true"
            )
        return chosen

    def part(self, layer: str) -> str:
        if layer == self.head:
            return "unembed"
        return "attn" if "attn" in layer or "attention" in layer else "mlp"

    def draw(self, shape: Shape, device: torch.device) -> Adapter:
        """Fresh weights, drawn as PEFT draws them: also what it throws away again."""
        pairs: dict[str, Pair] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(shape.seed)
            for layer in self.layers(shape):
                num_in, num_out = self.sizes[layer]
                a, b = nn.Linear(num_in, shape.rank, bias=False), nn.Linear(shape.rank, num_out, bias=False)
                nn.init.kaiming_uniform_(a.weight, a=sqrt(5))
                pairs[layer] = a.weight.detach().to(device), torch.zeros_like(b.weight, device=device)
        return Adapter(pairs, shape.alpha / shape.rank)

    def adapter_of(self, tensors: Mapping[str, Tensor], scale: float) -> Adapter:
        """From tensors by PEFT's names; their order is made the model's."""
        there = layers_in(tensors)
        if odd := there - set(self.sizes):
            raise ConfigError(f"these adapters belong to another model: it has no linear layer {min(odd)!r}")
        names = {layer: (name_in_peft(layer, "A"), name_in_peft(layer, "B")) for layer in self.sizes if layer in there}
        pairs = {layer: (tensors.get(a), tensors.get(b)) for layer, (a, b) in names.items()}
        for layer, (a, b) in pairs.items():
            if a is None or b is None or (a.shape[-1], b.shape[0]) != self.sizes[layer] or a.shape[0] != b.shape[-1]:
                raise ConfigError(f"these adapters belong to another model: those of {layer} do not fit")
        return Adapter({layer: (a, b) for layer, (a, b) in pairs.items() if a is not None and b is not None}, scale)


def sizes(layer: Any) -> tuple[int, int]:
    """Numbers in and out."""
    rows, columns = layer.weight.shape
    return (rows, columns) if isinstance(layer, Conv1D) else (columns, rows)


def layers_in(names: Iterable[str]) -> set[str]:
    """Example: ["lm_head.lora_A.weight", "lm_head.lora_B.weight"] -> {"lm_head"}"""
    return {name.partition(".lora_")[0] for name in names}
