"""A model of which this rank has its rows: FSDP2 fetches the others' for one layer at a time, and lets them go again.

    made      from a config, without memory: no rank ever has the whole model
    layers    each a unit of its own; embedding, last norm and head are one more, kept until the way back
    filled    from memory that the directing process shares, each rank its rows

FSDP2 acts when a module is called, so all that reads the model happens inside `Whole.forward`, and the reader that is
written by hand calls its layers as modules too. Gradients are summed over the ranks, never averaged: the loss is a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import checkpoint
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from straw.config.sections import Model
from straw.engines.batch_invariant import again
from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.batches import Flat
from straw.engines.local.forward.fewest_rows import ROW_TILE
from straw.engines.local.forward.llama.llama_reader import LlamaReader, reader_of
from straw.engines.local.forward.lm_head import Head, log_probabilities
from straw.engines.local.forward.reader import Layout, Reader
from straw.engines.ranks.rows import Share, take
from straw.errors import ModelError

if TYPE_CHECKING:
    from peft import PeftModel

Precision = Callable[[], AbstractContextManager[None]]


class Whole(nn.Module):
    """Log-probability of every (row, target) pair, and the entropy where it is written."""

    def __init__(self, model: PreTrainedModel, reader: Reader, precision: Precision) -> None:
        super().__init__()
        self.model, self.reader, self.precision = model, reader, precision

    def forward(self, flat: Flat, temperature: float) -> tuple[Tensor, Tensor]:
        with self.precision():
            hidden = self.reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
            head = Head.of(self.model)  # whole for as long as this lasts
            logprobs, entropy = log_probabilities(head, hidden[flat.states], flat.rows, flat.targets, temperature)
        return logprobs, entropy[flat.rows]


class LayerByLayer(LlamaReader):
    """The reader that is written by hand, with each layer behind the call of its module."""

    def __init__(self, model: PreTrainedModel, checkpointing: bool) -> None:
        super().__init__(model)
        for index, layer in enumerate(self.body.layers):
            inside = partial(super()._layer, index, layer)
            layer.forward = partial(recomputed, inside) if checkpointing else inside

    def fewest_rows(self, head: Tensor) -> int:
        """No rank has a matrix whole."""
        return ROW_TILE

    def _layer(self, index: int, layer: Any, x: Tensor, turn: tuple[Tensor, Tensor], layout: Layout) -> Tensor:
        read: Tensor = layer(x, turn, layout)
        return read


def recomputed(inside: Callable[..., Tensor], *given: Any) -> Tensor:
    if not torch.is_grad_enabled():
        return inside(*given)
    found: Tensor = checkpoint(inside, *given, use_reentrant=False, preserve_rng_state=False, context_fn=again)
    return found


def layers_in(model: PreTrainedModel) -> list[nn.Module]:
    """What is fetched at a time."""
    return [part for part in model.get_decoder().modules() if isinstance(part, GradientCheckpointingLayer)]


def check_divisible(model: PreTrainedModel) -> None:
    """Refuse a model that cannot be made from its config, or taken a layer at a time."""
    kind, way_out = type(model), "Write trainer_ranks=1 engine=local, or choose another model."
    said = f"ranks divide a model of transformers layer by layer, and this {model.config.model_type} model"
    if not kind.__module__.startswith("transformers."):
        raise ModelError(f"{said} is of a class of its own ({kind.__name__}). {way_out}")
    owners = [set(map(id, layer.parameters())) for layer in layers_in(model)]
    if not owners:
        raise ModelError(f"{said} marks none. {way_out}")
    if sum(map(len, owners)) != len(set().union(*owners)):
        raise ModelError(f"{said} has layers that share their weights. {way_out}")
    if odd := [name for name, p in model.named_parameters() if p.dim() == 0 or p.dtype != torch.float32]:
        raise ModelError(f"{said} has a weight without rows of float32 numbers, {odd[0]}. {way_out}")


def without_memory(config: Mapping[str, Any], model: Model) -> tuple[PreTrainedModel, PeftModel | None]:
    """The page's model with its adapters; buffers are there, weights have a shape and nothing else."""
    with init_empty_weights(include_buffers=False):
        made = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), dtype=torch.float32)
    made.tie_weights()
    adapters = None
    if model.lora_rank:
        with init_empty_weights(include_buffers=False):
            adapters = add_lora(made, model.lora_rank, model.lora_alpha, model.lora_targets, seed=model.model_seed)
        made = adapters.get_base_model()
    return made.eval(), adapters


def divided(model: PreTrainedModel, settings: Model, precision: Precision, mesh: DeviceMesh) -> Whole:
    """Cut in place."""
    reader = reader_of(model, settings.gradient_checkpointing, settings.fast_llama)
    if isinstance(reader, LlamaReader):
        reader = LayerByLayer(model, settings.gradient_checkpointing)
    whole = Whole(model, reader, precision)
    for layer in layers_in(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(whole, mesh=mesh)
    for part in whole.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
    return whole


def fill(whole: Whole, share: Share, weights: Mapping[str, Tensor], device: torch.device) -> None:
    """Give it memory for its rows, and in them what these whole tensors have there; buffers are everybody's."""
    check_names(whole.model, weights)
    whole.to_empty(device=device)
    take(share, local_rows(whole.model), weights)
    with torch.no_grad():
        for name, buffer in whole.model.named_buffers():
            buffer.copy_(weights[name])


def local_rows(model: nn.Module) -> dict[str, Tensor]:
    """This rank's part of every weight; to change it is to change the model."""
    return {name: p.to_local().detach() for name, p in model.named_parameters() if isinstance(p, DTensor)}


def check_names(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    there = {name: tuple(p.shape) for name, p in (*model.named_parameters(), *model.named_buffers())}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if odd := sorted(name for name in {*there, *given} if there.get(name) != given.get(name)):
        raise ModelError(f"its config makes another model than the one that was loaded: {odd[0]} differs")
