"""What sharing a prompt saves in training, on the engine with many tenants: forward_backward of a group of 8.

    python benchmarks/tenants_training.py                     tiny-1M and a random model of SmolLM2-135M's shape
    python benchmarks/tenants_training.py --only tiny-1M

A prompt of 112 tokens, 8 replies of 16, adapters of rank 32 on every layer and the head. CPU seconds of this process,
the smallest of several; `each alone` reads every example whole, as a trainer does that knows of no groups.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from straw.engines.local.models.tiny import make_embedded
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Example, Shape
from straw.engines.tenants.training import batches
from straw.engines.tenants.training.prefixes import Shared, shared
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

PROMPT, REPLY, GROUP, RANK = 112, 16, 8, 32
REPEATS = {"tiny-1M": 15, "SmolLM2 135M": 2}


def model_of(name: str) -> PreTrainedModel:
    if name == "tiny-1M":
        return make_embedded(name, 0)[0]
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True,
    ))  # fmt: skip


def group(vocabulary: int) -> list[Example]:
    rng = np.random.default_rng(0)
    prompt = tuple(rng.integers(1, vocabulary, PROMPT).tolist())
    n, data = PROMPT + REPLY - 1, []
    for _ in range(GROUP):
        trains = np.arange(n) >= PROMPT - 1
        inputs: dict[str, np.ndarray] = {
            "target_tokens": rng.integers(1, vocabulary, n),
            "logprobs": (trains * rng.uniform(-4, -1, n)).astype(np.float32),
            "advantages": (trains * rng.normal(size=n)).astype(np.float32),
        }
        data.append(Example((*prompt, *rng.integers(1, vocabulary, REPLY - 1).tolist()), inputs))
    return data


def each_alone(data: Sequence[Example], starts: Sequence[int], *, forward_only: bool = False) -> list[Shared]:
    return [Shared([index], example.num_tokens) for index, example in enumerate(data)]


def cpu_s(engine: TenantEngine, data: list[Example], is_shared: bool) -> float:
    batches.shared = shared if is_shared else each_alone
    before = time.process_time()
    for _ in engine.forward_backward("a", data, "importance_sampling", {}, forward_only=False):
        pass
    return time.process_time() - before


def measure(name: str) -> None:
    engine = TenantEngine(model_of(name), Chat(character_tokenizer()))
    engine.create("a", Shape(rank=RANK))
    data = group(engine.facts.vocabulary)
    for way in (True, False):
        cpu_s(engine, data, way)  # the first call of each is for warmth
    times = [(cpu_s(engine, data, True), cpu_s(engine, data, False)) for _ in range(REPEATS[name])]
    together, alone = (min(column) for column in zip(*times, strict=True))
    print(f"{name:14} shared {together * 1000:8.1f} ms   each alone {alone * 1000:8.1f} ms   {together / alone:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(REPEATS))
    only = parser.parse_args().only
    for name in REPEATS if only is None else [only]:
        measure(name)


if __name__ == "__main__":
    main()
