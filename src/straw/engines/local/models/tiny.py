"""The embedded model: a small Llama made from a config and a seed, no download.

    name        parameters   width  layers  heads  feed-forward
    tiny-0.2M       0.18M       64       3      4           192
    tiny-1M         1.10M      128       4      4           512
    tiny-5M         4.99M      256       6      8           720

It knows nothing until a warm-up teaches it a format. It reads characters (`text.chat.character_tokenizer`);
tiny-1M-numbers and tiny-1M-3digits are tiny-1M with a token for each number below 1,024, or for up to three digits.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.llama import Llama, LlamaSizes
from straw.text.chat.character_tokenizer import CharacterTokenizer, character_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


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


def embedded_sizes(shape: Shape, tokenizer: CharacterTokenizer) -> LlamaSizes:
    return LlamaSizes(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def make_bare(name: str, seed: int) -> tuple[Llama, CharacterTokenizer]:
    """The same name and seed give the same weights, whatever was drawn before."""
    return deepcopy(drawn(name, seed)), CharacterTokenizer(name)


@lru_cache(maxsize=2)
def drawn(name: str, seed: int) -> Llama:
    """Kept, since a sweep asks for the same one a thousand times."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Llama(embedded_sizes(SHAPES[name], CharacterTokenizer(name)))


def make_embedded(name: str, seed: int) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The same weights in transformers' own classes."""
    return in_transformers(make_bare(name, seed)[0]), character_tokenizer(name)
