"""How many tokens are read at once in training: as many as their activations have room for.

    bytes of a token = 4 layers (10 width + 4 feed_forward)      what the way back needs of each layer

SmolLM2-135M keeps 1.4 MB of each token, so a batch of 1,000 would take 1.4 GiB beside weights of 0.5. On a processor
larger batches are no faster than those that fill its caches, so it gets half a GiB; a GPU has room and wants work.
"""

from __future__ import annotations

from typing import Any

FLOAT = 4
BUDGET = {"cpu": 2**29}
ELSEWHERE = 2**33
AT_MOST = 8192


def bytes_of_token(config: Any, checkpointing: bool) -> int:
    """`config` is a transformers text config."""
    width = config.hidden_size
    feed_forward = getattr(config, "intermediate_size", None) or 4 * width
    floats = 2 * width if checkpointing else 10 * width + 4 * feed_forward
    return FLOAT * config.num_hidden_layers * int(floats)


def tokens_at_once(config: Any, device: str, checkpointing: bool) -> int:
    room = BUDGET.get(device, ELSEWHERE)
    return max(1, min(AT_MOST, room // bytes_of_token(config, checkpointing)))
