"""Weights that are kept in bfloat16, where autocast would round them anew at every use.

    matrices      of the layers, that nothing but a product reads: frozen ones, and all of a process that only samples
    head          a copy beside the embedding it may be tied to, which is looked up unrounded

The same bits as before: autocast rounds the same numbers the same way, but it keeps what it rounded only for weights
that take gradients, so a frozen matrix is rounded for every token (the head of SmolLM2 alone: 34 ms a step). Only where
our own reading of the model shows what it does with them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from straw.engines.local.forward.llama.llama_reader import LlamaReader
from straw.engines.local.forward.packed_weights import Packed, can_pack, pack_layers

if TYPE_CHECKING:
    from straw.engines.local.engine import LocalEngine


def halved_weights(engine: LocalEngine) -> dict[str, nn.Parameter]:
    """What may be kept in bfloat16, adapters too, by name; the head where it is no embedding and is plain."""
    if engine.settings.dtype != "bfloat16" or not isinstance(engine.reader, LlamaReader):
        return {}
    found = {id(part.weight) for part in engine.reader.body.layers.modules() if isinstance(part, nn.Linear)}
    if engine.head.weight is not engine.model.get_input_embeddings().weight:
        found.add(id(engine.head.weight))
    return {name: weight for name, weight in engine.model.named_parameters() if id(weight) in found}


def halve_frozen(engine: LocalEngine) -> Halved:
    """In place, and for good: nobody may ask this engine for the frozen weights it came with.

    Not where they came from a seed: then they are part of what a run keeps. What stays as it is, an embedding, is
    copied out of the file that was mapped, or all of the file stays in memory with it.
    """
    halved = {} if engine.is_made else halved_weights(engine)
    for name, weight in engine.model.named_parameters() if halved else ():
        if not weight.requires_grad:
            weight.data = weight.data.bfloat16() if name in halved else weight.data.clone()
    return Halved(engine)


def packed_bytes(engine: LocalEngine) -> int:
    """What a process that only samples lays out once more."""
    is_packed = can_pack() and engine.device.type == "cpu"
    return 2 * sum(weight.numel() for weight in halved_weights(engine).values()) if is_packed else 0


class Halved:
    """Matrices as they are multiplied: packed ones, and a copy in the head's place of a tied, frozen embedding."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine, self.packed = engine, pack_layers(engine.model)
        self.source = weight = engine.head.weight
        self.copy: Tensor | None = None
        is_tied = weight is engine.model.get_input_embeddings().weight
        if is_tied and not weight.requires_grad and halved_weights(engine):
            self.copy = weight.detach().bfloat16()
            engine.head = replace(engine.head, weight=self.copy, packed=Packed(self.copy) if can_pack() else None)

    def keep_packed_alone(self, changing: Collection[Tensor]) -> None:
        """In a process that never learns a matrix has no plain form beside its packed one, if it never changes."""
        kept = {id(weight) for weight in changing}
        for matrix in self.packed:
            matrix.is_alone = id(matrix.weight) not in kept

    @torch.no_grad()
    def renew(self, changed: Collection[Tensor]) -> None:
        """These weights of the engine have other numbers now."""
        for matrix in self.packed:
            matrix.renew(changed)
        if self.copy is not None and any(weight is self.source for weight in changed):
            self.copy.copy_(self.source)
            if self.engine.head.packed is not None:
                self.engine.head.packed.renew([self.copy])
