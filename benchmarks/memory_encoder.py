"""MiniLM that embeds a text once a process: for `memory_test.py`, whose hundreds of runs say the same short things.

    straw train countdown use_ir=knn encoder=benchmarks/memory_encoder.py:minilm

A text has equal bits in every company (`engines/encoder_bert.py`), so this is `encoder=minilm` in less time.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from straw.engines.encoder import minilm_folder
from straw.engines.encoder_bert import BertEncoder

vectors: dict[str, Tensor] = {}


@cache
def encoder() -> BertEncoder:
    return BertEncoder(minilm_folder())


def minilm(texts: list[str]) -> Tensor:
    new = [text for text in dict.fromkeys(texts) if text not in vectors]
    if new:
        vectors.update(zip(new, encoder().encode(new), strict=True))
    return torch.stack([vectors[text] for text in texts])
