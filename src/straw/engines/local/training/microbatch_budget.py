"""How many tokens are read at once in training: as many as their activations have room for.

    bytes of a token = 4 layers (10 width + 4 feed_forward)      what the way back needs of each layer

SmolLM2-135M keeps 1.4 MB of each token. On a processor a batch costs what it reads of prompts again and what it adds to
all weights' gradients: in a GiB, 750 tokens of SmolLM2, that is little beside the rest, and in half of one a third for
a group of replies of 150 tokens. A GPU has room and wants work: it gets a quarter of what is free on it when the model
is there, down to a power of two, so that a little more or less of it cuts a batch alike. And as many rows decode
together as another quarter holds keys and values of.
"""

from __future__ import annotations

from typing import Any

import torch

FLOAT = 4
ON_CPU = 2**30  # half of it for who computes activations twice to have less of them
ELSEWHERE = 2**33  # where nobody tells
AT_MOST = 8192
SHARE = 4  # of what is free


def bytes_of_token(config: Any, checkpointing: bool) -> int:
    """`config` is a transformers text config."""
    width = config.hidden_size
    feed_forward = getattr(config, "intermediate_size", None) or 4 * width
    floats = 2 * width if checkpointing else 10 * width + 4 * feed_forward
    return FLOAT * config.num_hidden_layers * int(floats)


def free_bytes(device: str) -> int | None:
    """What the device says of itself; None where it is not here, as when a page is looked at on another machine."""
    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.mem_get_info(device)[0]
    if device == "mps" and torch.backends.mps.is_available():
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return None


def room_on(device: str) -> int:
    free = free_bytes(device)
    return ELSEWHERE if free is None else 2 ** max(20, (free // SHARE).bit_length() - 1)


def rows_at_once(config: Any, device: str, num_tokens: int, most: int) -> int:
    """Of `num_tokens` each, prompt and reply; on a processor `most`, which have their place in a run's forecast."""
    free = free_bytes(device)
    if device == "cpu" or free is None:
        return most
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    of_row = 2 * FLOAT * config.num_hidden_layers * heads * width * num_tokens
    return max(1, min(most, free // SHARE // of_row))


def tokens_at_once(config: Any, device: str, checkpointing: bool) -> int:
    room = ON_CPU // (2 if checkpointing else 1) if device == "cpu" else room_on(device)
    return max(1, min(AT_MOST, room // bytes_of_token(config, checkpointing)))
