"""straw's own Llama as transformers' one, for whatever of theirs is to read, adapt or save it.

theirs = in_transformers(model)      the same parameters, not copies: what trains one trains both
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from straw.engines.local.models.llama import Llama, LlamaSizes

if TYPE_CHECKING:
    from transformers import LlamaConfig, PreTrainedModel


def in_transformers(model: Any) -> PreTrainedModel:
    """One that is transformers' already is handed back."""
    if not isinstance(model, Llama):
        theirs: PreTrainedModel = model
        return theirs
    from transformers import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        made = LlamaForCausalLM(config_of(model.config)).to(model.get_input_embeddings().weight.device)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        put(made, name, parameter)
    return made.train(model.training)


def config_of(sizes: LlamaSizes) -> LlamaConfig:
    """What is not named is what transformers takes for a Llama, and what straw's has."""
    from transformers import LlamaConfig

    names = (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "max_position_embeddings", "tie_word_embeddings", "pad_token_id", "eos_token_id",
        "bos_token_id",
    )  # fmt: skip
    return LlamaConfig(**{name: getattr(sizes, name) for name in names}, use_cache=False)


def put(model: nn.Module, name: str, parameter: nn.Parameter) -> None:
    where, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(where), leaf, parameter)
