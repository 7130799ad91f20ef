"""What the machine can give, and what each phase of a step asks of it at least.

    matmul   best GFLOP/s over the shapes of the model's own layers, float32, one thread
    memory   best GB/s of a large copy or sum

    forward FLOPs of a token    2 * (weights of the layers) + 4 * heads * head width * layers * keys that it sees
    of a predicted position     2 * (weights of the head)
    training                    3 times the forward
    bytes                       weights read once a pass; training also reads them backward, writes gradients,
                                and AdamW reads four numbers and writes three

The time a phase cannot beat is the larger of FLOPs / matmul and bytes / memory; its share of the limit is that
over the time it took. A model that fits into a cache can pass the memory limit, never the matmul one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from job import Job
from torch import nn
from transformers import PreTrainedModel

FLOAT = 4  # bytes
LARGE = 64 * 2**20  # numbers, 256 MiB
LONG_ENOUGH_S = 0.03


@dataclass(frozen=True, slots=True)
class Limits:
    flops_per_s: float
    bytes_per_s: float

    def best(self, other: Limits) -> Limits:
        return Limits(max(self.flops_per_s, other.flops_per_s), max(self.bytes_per_s, other.bytes_per_s))


@dataclass(frozen=True, slots=True)
class Needs:
    tokens: int
    flops: float
    bytes: float

    def least_s(self, limits: Limits) -> float:
        return max(self.flops / limits.flops_per_s, self.bytes / limits.bytes_per_s)


def linear_layers(model: PreTrainedModel) -> list[nn.Linear]:
    """Those of the body, without the head."""
    return [layer for layer in model.get_decoder().modules() if isinstance(layer, nn.Linear)]


def needs_of(model: PreTrainedModel, job: Job) -> dict[str, Needs]:
    config = model.config
    layers, head = linear_layers(model), model.get_output_embeddings().weight.numel()
    body = sum(layer.weight.numel() for layer in layers)
    per_key = 4 * config.hidden_size * config.num_hidden_layers
    prompt, passes = len(job.prompt), job.reply_tokens - 1  # the first token stands on the prompt, the last is not read
    read = job.group_size * passes

    def forward(tokens: int, positions: int, keys: int) -> float:
        return 2.0 * tokens * body + 2.0 * positions * head + per_key * keys

    of_prompt = prompt * (prompt + 1) // 2
    of_replies = job.group_size * sum(prompt + step + 1 for step in range(passes))
    written = job.group_size * job.reply_tokens
    weights = FLOAT * (body + head)
    return {
        "prefill": Needs(prompt, forward(prompt, 1, of_prompt), weights),
        "decode": Needs(written, forward(read, read, of_replies), passes * weights),
        "training": Needs(written, 3 * forward(prompt + read, read + 1, of_prompt + of_replies), 10 * weights),
    }


def measure_limits(model: PreTrainedModel, job: Job) -> Limits:
    return Limits(matmul_limit(model, job), memory_limit())


@torch.no_grad()
def matmul_limit(model: PreTrainedModel, job: Job) -> float:
    read = job.group_size * (job.reply_tokens - 1)
    matrices = {tuple(layer.weight.shape) for layer in linear_layers(model)}
    matrices.add(tuple(model.get_output_embeddings().weight.shape))
    return max(
        flops_per_s(rows, wide, narrow)
        for rows in (len(job.prompt), job.group_size, len(job.prompt) + read)
        for wide, narrow in matrices
    )


def flops_per_s(rows: int, outs: int, ins: int) -> float:
    x, weight, out = torch.randn(rows, ins), torch.randn(outs, ins), torch.empty(rows, outs)
    return 2.0 * rows * outs * ins / seconds(lambda: torch.mm(x, weight.t(), out=out))


@torch.no_grad()
def memory_limit() -> float:
    source, target = torch.ones(LARGE), torch.empty(LARGE)
    copied = 2 * FLOAT * LARGE / seconds(lambda: target.copy_(source))
    summed = FLOAT * LARGE / seconds(lambda: source.sum())
    return max(copied, summed)


def seconds(work: Callable[[], object], tries: int = 4) -> float:
    """CPU-seconds of one call, the best of some tries that are long enough for the clock."""
    work()
    best, calls = float("inf"), 1
    while tries:
        start = time.process_time()
        for _ in range(calls):
            work()
        spent = time.process_time() - start
        if spent < LONG_ENOUGH_S:
            calls *= 2
            continue
        best, tries = min(best, spent / calls), tries - 1
    return best
