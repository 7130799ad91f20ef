"""What a micro-batch of so many tokens costs on this processor: forward_backward of SmolLM2, CPU-seconds.

    OMP_NUM_THREADS=1 python benchmarks/micro_batches.py                     some five minutes
    OMP_NUM_THREADS=1 python benchmarks/micro_batches.py --dtype bfloat16 --tokens 375 750

Each micro-batch reads the prompts of its replies again, and adds to every gradient. The least of two calls counts.
`straw models add smollm2` first.
"""

from __future__ import annotations

import argparse
import time
from random import Random
from typing import NamedTuple

from straw.config import load_page
from straw.engines.base import Loss
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine
from straw.engines.local.halves import halve_frozen
from straw.types import Datum


class Batch(NamedTuple):
    prompts: int
    replies: int  # to each
    prompt_tokens: int
    reply_tokens: int


BATCHES = (Batch(1, 32, 63, 32), Batch(1, 8, 150, 150), Batch(8, 4, 50, 10), Batch(4, 8, 100, 60))


def data_of(batch: Batch, random: Random) -> list[Datum]:
    def tokens(count: int) -> tuple[int, ...]:
        return tuple(random.randrange(49_000) for _ in range(count))

    count, size = batch.prompts * batch.replies, batch.reply_tokens
    return [
        Datum(
            prompt=prompt, tokens=tokens(size), weights=(1 / count / size,) * size,
            advantages=(1.0 if row % 2 else -1.0,) * size, logprobs=(-1.0,) * size,
        )
        for prompt in [tokens(batch.prompt_tokens) for _ in range(batch.prompts)]
        for row in range(batch.replies)
    ]  # fmt: skip


def engine_of(dtype: str, rank: int) -> LocalEngine:
    options = {"model_name": "smollm2", "dtype": dtype, "device": "cpu", "lora_rank": rank}
    page = load_page(None, options).page
    engine = with_adapters(load_engine(page), page.model)
    halve_frozen(engine)
    return engine


def seconds(engine: LocalEngine, data: list[Datum]) -> float:
    engine.optimizer.zero_grad()
    began = time.process_time()
    engine.forward_backward(data, Loss(name="importance_sampling"))
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", nargs="*", default=["float32", "bfloat16"], choices=("float32", "bfloat16"))
    parser.add_argument("--tokens", nargs="*", type=int, default=[375, 750, 1100], help="of a micro-batch")
    asked = parser.parse_args()
    print(f"{'prompts x replies, tokens':28}{'trains':12}{'dtype':10}" + "".join(f"{one:>8}" for one in asked.tokens))
    for dtype in asked.dtype:
        for rank in (0, 8):
            engine = engine_of(dtype, rank)
            for batch in BATCHES:
                data, row = data_of(batch, Random(0)), []
                for engine.tokens_at_once in asked.tokens:
                    row.append(min(seconds(engine, data) for _ in range(2)))
                shape = f"{batch.prompts} x {batch.replies}, {batch.prompt_tokens} + {batch.reply_tokens}"
                trains = f"rank {rank}" if rank else "all weights"
                print(f"{shape:28}{trains:12}{dtype:10}" + "".join(f"{one:8.1f}" for one in row), flush=True)


if __name__ == "__main__":
    main()
