"""The embedded models' reader: a `LlamaReader` that looks nothing up, for there a look costs as much as a product.

A row of tokens through a model of 1M parameters is some hundred products of ten microseconds each. To ask a module for
its part, and that for its weight, and to call it, takes a quarter as long. Own models are plain: no hook, no bias, no
adapter, no window. Their parameters stay the same objects, whatever their values are; whoever wraps a layer makes
another model of it (`in_transformers`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from straw.engines.local.forward.attention import Rule
from straw.engines.local.forward.llama.llama_reader import LlamaReader
from straw.engines.local.forward.llama.norms import Rotate, rms_norm, rotate
from straw.engines.local.forward.reader import Layout
from straw.engines.local.models.llama import Llama


class Weights(NamedTuple):
    """Of a layer."""

    before_attention: Tensor
    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor
    before_mlp: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor

    @classmethod
    def of(cls, layer: Any) -> Weights:
        heads, mlp = layer.self_attn, layer.mlp
        parts = (
            layer.input_layernorm, heads.q_proj, heads.k_proj, heads.v_proj, heads.o_proj,
            layer.post_attention_layernorm, mlp.gate_proj, mlp.up_proj, mlp.down_proj,
        )  # fmt: skip
        return cls(*(part.weight for part in parts))


class BareReader(LlamaReader):
    def __init__(self, model: Llama, checkpointing: bool = False) -> None:
        super().__init__(model, checkpointing)
        self.weights = [Weights.of(layer) for layer in self.body.layers]
        heads = self.body.layers[0].self_attn
        self.width, self.rule = heads.head_dim, Rule(heads.scaling)

    def _layer(self, index: int, layer: Any, x: Tensor, turn: tuple[Tensor, Tensor], layout: Layout) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):  # where products and residuals are of two kinds
            return super()._layer(index, layer, x, turn, layout)
        own, count = self.weights[index], len(x)
        n = rms_norm(x, own.before_attention, self.eps)
        q, k, v = (F.linear(n, weight).view(count, -1, self.width) for weight in (own.q, own.k, own.v))
        turned = Rotate.apply if torch.is_grad_enabled() else rotate
        seen = layout.attend(index, turned(q, *turn), turned(k, *turn), v, self.rule)
        x = torch.addmm(x, seen.reshape(count, -1), own.o.t())
        m = rms_norm(x, own.before_mlp, self.eps)
        return torch.addmm(x, F.silu(F.linear(m, own.gate)) * F.linear(m, own.up), own.down.t())
