"""Small random models saved to disk, one of each family that the engine promises to serve.

    kind      what it brings                                         parameters
    llama     two query heads per key head, an untied head                  42k
    qwen2     biases on queries, keys and values                            31k
    gemma3    a sliding window of 16, three layers in four                  41k

They read characters (`text.chat.character_tokenizer`). The weights are drawn wide, norms and biases included, so that
attention has opinions and a mistake in it shows; the same kind is the same weights everywhere.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from straw.text.chat.character_tokenizer import character_tokenizer

KINDS = ("llama", "qwen2", "gemma3")
SLIDING_WINDOW = 16
LAYER_TYPES = ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]


def save_small(kind: str, folder: Path) -> Path:
    """A Hugging Face folder with config, weights and tokenizer; returns `folder`."""
    tokenizer = character_tokenizer()
    make_small(kind).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_small(kind: str) -> PreTrainedModel:
    """The model alone, in float32, drawn from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(KINDS.index(kind))
        model = {"llama": small_llama, "qwen2": small_qwen2, "gemma3": small_gemma3}[kind]()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:  # norms and biases, which start at a constant
                    parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def shared_options() -> dict[str, object]:
    tokenizer = character_tokenizer()
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }


def small_llama() -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**shared_options(), num_hidden_layers=2, tie_word_embeddings=False))


def small_qwen2() -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**shared_options(), num_hidden_layers=2, tie_word_embeddings=True))


def small_gemma3() -> PreTrainedModel:
    config = Gemma3TextConfig(
        **shared_options(),
        num_hidden_layers=4,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=SLIDING_WINDOW,
        layer_types=LAYER_TYPES,
        tie_word_embeddings=True,
    )
    return Gemma3ForCausalLM(config)
