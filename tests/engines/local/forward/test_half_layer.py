"""A layer in bfloat16 by hand: autocast's bits, less memory, and other layers left alone."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from straw.engines.batch_invariant import batch_invariant
from straw.engines.local.forward.llama.llama_reader import LlamaReader
from straw.engines.local.forward.packing import Pack

SIZES: dict[str, Any] = {
    "vocab_size": 90, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 96, "max_position_embeddings": 64, "pad_token_id": None,
}  # fmt: skip
LENGTHS = ([7, 5], [[3, 4], [2, 6]])
COUNT = 7 + 5 + 3 + 4 + 2 + 6


def a_model(seed: int = 3) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    for p in model.parameters():
        p.data.add_(0.1 * torch.randn(p.shape))
    return model


def there_and_back(model: Any, by_hand: bool, checkpointing: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    reader = LlamaReader(model, checkpointing)
    assert reader.by_hand
    reader.by_hand = by_hand
    tokens = torch.arange(COUNT) * 7 % 90
    with torch.autocast("cpu", dtype=torch.bfloat16), batch_invariant("cpu"):
        pack = Pack(*LENGTHS, torch.device("cpu"))
        hidden = reader.hidden(tokens, pack.positions, pack)
    pull = torch.linspace(-1, 1, hidden.numel()).view_as(hidden)
    (hidden.float() * pull).sum().backward()
    return hidden.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_it_has_the_bits_of_autocast_there_and_back(checkpointing: bool) -> None:
    model = a_model()
    wanted, theirs = there_and_back(deepcopy(model), by_hand=False)
    found, mine = there_and_back(model, by_hand=True, checkpointing=checkpointing)
    assert torch.equal(found, wanted) and list(mine) == list(theirs)
    assert len(mine) == 1 + 3 * 9 + 1  # the head is not read here
    for name, gradient in mine.items():
        assert torch.equal(gradient, theirs[name]) and float(gradient.abs().max()) > 0, name


def test_frozen_weights_get_no_gradient_and_the_others_the_same() -> None:
    models = [a_model(), a_model()]
    for model in models:
        for name, p in model.named_parameters():
            p.requires_grad_("layers.1" in name and ("k_proj" in name or "norm" in name or "gate" in name))
    (wanted, theirs), (found, mine) = (
        there_and_back(model, one) for model, one in zip(models, (False, True), strict=True)
    )
    assert torch.equal(found, wanted) and set(mine) == set(theirs) and len(mine) == 4
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def kept_bytes(by_hand: bool) -> int:
    """Of all that the way back keeps, each storage once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model = a_model()
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    reader = LlamaReader(model)
    reader.by_hand = by_hand
    keeping = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with keeping, torch.autocast("cpu", dtype=torch.bfloat16), batch_invariant("cpu"):
        pack = Pack(*LENGTHS, torch.device("cpu"))
        hidden = reader.hidden(torch.arange(COUNT) % 90, pack.positions, pack)
    assert math.isfinite(float(hidden.detach().sum()))
    return sum(size for place, size in kept.items() if place not in own)


def test_it_keeps_no_rounded_matrix_and_fewer_hidden_states() -> None:
    matrices = sum(p.numel() for p in a_model().model.layers.parameters() if p.dim() == 2)
    assert kept_bytes(True) < kept_bytes(False) - 2 * matrices
    assert kept_bytes(True) < 0.85 * (kept_bytes(False) - 2 * matrices)


def test_layers_with_adapters_or_biases_are_left_to_autograd() -> None:
    model = a_model()
    adapted = nn.Linear(64, 64, bias=False)
    wrapped = nn.Sequential(adapted)
    model.model.layers[1].self_attn.o_proj = wrapped  # type: ignore[assignment]
    assert not LlamaReader(model).by_hand
    assert not LlamaReader(Qwen2ForCausalLM(Qwen2Config(**SIZES))).by_hand
    assert LlamaReader(a_model()).by_hand
