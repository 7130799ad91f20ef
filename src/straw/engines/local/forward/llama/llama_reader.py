"""The Llama family by hand: the same weights and numbers as `modules`, fewer and larger steps.

    x = x + o( attend( rope(q(n)), rope(k(n)), v(n) ) )      n = rms_norm(x)
    x = x + down( silu(gate(m)) * up(m) )                    m = rms_norm(x)

It reads the modules' own parameters, so training, saving and LoRA know nothing about it. It serves
Llama, Mistral and Qwen2, and steps aside (`serves` is False) for everything else.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from straw.engines.batch_invariant import again
from straw.engines.local.forward.attention import Rule
from straw.engines.local.forward.fewest_rows import ROW_TILE, fewest_rows_through
from straw.engines.local.forward.llama.half_layer import Before, Behind, is_plain
from straw.engines.local.forward.llama.norms import Rotate, rms_norm, rotate
from straw.engines.local.forward.reader import Layout, Reader
from straw.engines.local.models.llama import Llama

if TYPE_CHECKING:
    from straw.engines.local.models.loaded import CausalModel

FAMILY = ("llama", "mistral", "qwen2")


def as_multiplied(x: Tensor) -> Tensor:
    """Rounded once for all matrices that read it; on a way back their gradients are summed before they are rounded."""
    kind = x.device.type
    if torch.is_grad_enabled() or not torch.is_autocast_enabled(kind):
        return x
    return x.to(torch.get_autocast_dtype(kind))


def residual_linear(layer: Any, x: Tensor, residual: Tensor) -> Tensor:
    """residual + layer(x), in one matmul where the layer is a plain one, or a wrapper that says it is one now."""
    layer = getattr(layer, "plain", layer)
    if layer.bias is None and type(layer) is nn.Linear and x.dtype == residual.dtype == layer.weight.dtype:
        return torch.addmm(residual, x, layer.weight.t())
    return residual + layer(x)


def reader_of(model: CausalModel, checkpointing: bool, fast_llama: bool) -> Reader:
    """The one written by hand, where it serves the model and is wanted; else through the modules of transformers."""
    if isinstance(model, Llama):
        from straw.engines.local.forward.llama.bare_reader import BareReader

        return BareReader(model, checkpointing)
    from straw.engines.local.forward.hf_reader import ModulesReader

    plain = ModulesReader(model, checkpointing)
    return LlamaReader(model, checkpointing) if fast_llama and LlamaReader.serves(model) else plain


class LlamaReader:
    """Hidden states of a flat row of tokens, [N] -> [N, width]."""

    is_by_token = True

    @staticmethod
    def serves(model: CausalModel) -> bool:
        config = model.config
        return config.model_type in FAMILY and config.hidden_act == "silu"

    def __init__(self, model: CausalModel, checkpointing: bool = False) -> None:
        self.body: Any = model.get_decoder()
        config: Any = model.config
        self.eps = config.rms_norm_eps
        # Qwen2 says it layer by layer, Mistral once for all
        everywhere = config.sliding_window if config.model_type == "mistral" else None
        self.windows = [getattr(layer.self_attn, "sliding_window", everywhere) for layer in self.body.layers]
        self.checkpointing = checkpointing
        self.fewest: dict[int, int] = {}  # rows, by the number of threads

    def hidden(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        reading = self.layer_by_layer(tokens, positions, layout)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                return cast(Tensor, end.value)

    def layers(self, tokens: Tensor, positions: Tensor, layout: Layout) -> list[Tensor]:
        """What every layer leaves, before the last norm."""
        return list(self.layer_by_layer(tokens, positions, layout))

    @cached_property
    def by_hand(self) -> bool:
        """Whether its layers are plain, on a processor."""
        return all(map(is_plain, self.body.layers)) and self.body.embed_tokens.weight.device.type == "cpu"

    def fewest_rows(self, head: Tensor) -> int:
        """By all matrices, those of adapters too; they never change their shapes."""
        threads = torch.get_num_threads()
        if threads not in self.fewest:
            matrices = [module.weight for module in self.body.modules() if isinstance(module, nn.Linear)] + [head]
            is_known = all(one.dtype == torch.float32 for one in matrices)
            self.fewest[threads] = fewest_rows_through(matrices) if is_known else ROW_TILE
        return self.fewest[threads]

    def layer_by_layer(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Generator[Tensor, None, Tensor]:
        """The same, with a pause behind every layer."""
        x = self.body.embed_tokens(tokens)
        cos, sin = self.body.rotary_emb(x, positions.unsqueeze(0))
        half = cos.shape[-1] // 2
        turn = cos[0].unsqueeze(1), torch.cat([-sin[0, :, :half], sin[0, :, half:]], dim=-1).unsqueeze(1)
        for index, layer in enumerate(self.body.layers):
            if self.checkpointing and torch.is_grad_enabled():
                x = checkpoint(
                    self._layer, index, layer, x, turn, layout,
                    use_reentrant=False, preserve_rng_state=False, context_fn=again,
                )  # fmt: skip
            else:
                x = self._layer(index, layer, x, turn, layout)
            yield x
        return rms_norm(x, self.body.norm.weight, self.eps)

    def _layer(self, index: int, layer: Any, x: Tensor, turn: tuple[Tensor, Tensor], layout: Layout) -> Tensor:
        heads, kind = layer.self_attn, x.device.type
        if self.by_hand and torch.is_grad_enabled() and torch.is_autocast_enabled(kind):
            return self._by_hand(index, layer, x, turn, layout)
        n = as_multiplied(rms_norm(x, layer.input_layernorm.weight, self.eps))
        projections = (heads.q_proj, heads.k_proj, heads.v_proj)
        q, k, v = (project(n).view(len(n), -1, heads.head_dim) for project in projections)
        rule = Rule(heads.scaling, self.windows[index])
        turned = Rotate.apply if torch.is_grad_enabled() else rotate
        seen = layout.attend(index, turned(q, *turn), turned(k, *turn), v, rule)
        x = residual_linear(heads.o_proj, seen.reshape(len(n), -1), x)
        m = as_multiplied(rms_norm(x, layer.post_attention_layernorm.weight, self.eps))
        return residual_linear(layer.mlp.down_proj, F.silu(layer.mlp.gate_proj(m)) * layer.mlp.up_proj(m), x)

    def _by_hand(self, index: int, layer: Any, x: Tensor, turn: tuple[Tensor, Tensor], layout: Layout) -> Tensor:
        """The same in bfloat16 with a way back."""
        heads, mlp, kind = layer.self_attn, layer.mlp, torch.get_autocast_dtype(x.device.type)
        weights = (one.weight for one in (layer.input_layernorm, heads.q_proj, heads.k_proj, heads.v_proj))
        q, k, v = Before.apply(x, *weights, *turn, self.eps, kind)
        seen = layout.attend(index, q, k, v, Rule(heads.scaling, self.windows[index])).reshape(len(x), -1)
        parts = (heads.o_proj, layer.post_attention_layernorm, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        out: Tensor = Behind.apply(x, seen.to(kind), *(part.weight for part in parts), self.eps)
        return out
