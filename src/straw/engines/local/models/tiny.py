"""The embedded model: a small Llama made from a config and a seed, no download.

    name        parameters   width  layers  heads  feed-forward
    tiny-0.2M       0.18M       64       3      4           192
    tiny-1M         1.10M      128       4      4           512
    tiny-5M         4.99M      256       6      8           720

It knows nothing until a warm-up teaches it a format. It reads characters (`text.chat.character_tokenizer`);
tiny-1M-numbers and tiny-1M-3digits are tiny-1M with a token for each number below 1,024, or for up to three digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from straw.text.chat.character_tokenizer import character_tokenizer


@dataclass(frozen=True, slots=True)
class Shape:
    width: int
    layers: int
    heads: int
    feed_forward: int


SHAPES = {
    "tiny-0.2M": Shape(64, 3, 4, 192),
    "tiny-1M": Shape(128, 4, 4, 512),
    "tiny-5M": Shape(256, 6, 8, 720),
    "tiny-1M-numbers": Shape(128, 4, 4, 512),
    "tiny-1M-3digits": Shape(128, 4, 4, 512),
}
POSITIONS = 2048


def embedded_config(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        use_cache=False,
    )


def make_embedded(name: str, seed: int) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The same name and seed give the same weights, whatever was drawn before."""
    tokenizer = character_tokenizer(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(embedded_config(SHAPES[name], tokenizer))
    return model, tokenizer
