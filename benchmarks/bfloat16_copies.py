"""bfloat16 with weights rounded once against weights that autocast rounds for every token, on SmolLM2, in one process.

    python benchmarks/bfloat16_copies.py                 three alternating rounds, about two minutes
    python benchmarks/bfloat16_copies.py --tokens 64

    recast     as a generator's weights were: float32, without gradients, rounded by autocast at every use
    copies     the matrices of the layers and the head kept in bfloat16 (`straw.engines.local.halves`), laid out once
               as they are multiplied where that has the same bits (`forward.packed_weights`)
    float32    no bfloat16 at all

The replies of the first two have to be equal, bit for bit. Where the processor has no instructions for bfloat16
(`straw doctor` says so) `dtype=auto` takes float32, and the first two are slower than that.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
import sys
import time
from typing import Any

from straw.config import load_page
from straw.engines.base import SamplingParams
from straw.engines.local.build import load_engine
from straw.engines.local.halves import halve_frozen
from straw.engines.precision import is_fast_in_bfloat16

GOAL = 1.4


def made(kind: str) -> Any:
    dtype = "float32" if kind == "float32" else "bfloat16"
    engine = load_engine(load_page(None, {"model_name": "smollm2", "dtype": dtype, "device": "cpu"}).page)
    engine.model.requires_grad_(False)
    if kind == "copies":
        halve_frozen(engine)
    return engine


def sampled(engine: Any, rows: int, tokens: int, seed: int) -> tuple[Any, float]:
    prompt = engine.chat.encode("What is the total digit sum of [123, 45, 67]? Add the digits of each number.")
    begun = time.process_time()
    replies = engine.sample([prompt], rows, SamplingParams(max_tokens=tokens), [range(seed, seed + rows)])[0]
    return replies, sum(len(reply.tokens) for reply in replies) / (time.process_time() - begun)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=16, help="that are written together (16)")
    parser.add_argument("--tokens", type=int, default=32, help="of a reply (32)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    engines = {kind: made(kind) for kind in ("recast", "copies", "float32")}
    for engine in engines.values():
        sampled(engine, options.rows, 4, 0)  # memory is touched for the first time
    speeds: dict[str, list[float]] = {kind: [] for kind in engines}
    for number in range(options.rounds):
        replies = {}
        for kind in sorted(engines, reverse=bool(number % 2)):
            replies[kind], speed = sampled(engines[kind], options.rows, options.tokens, 1000 * number)
            speeds[kind].append(speed)
        assert replies["recast"] == replies["copies"], "copies changed a bit"
        print(f"round {number + 1}: " + ", ".join(f"{kind} {found[-1]:.0f}" for kind, found in speeds.items()))
    middle = {kind: statistics.median(found) for kind, found in speeds.items()}
    ratio, is_fast = middle["copies"] / middle["recast"], is_fast_in_bfloat16("cpu")
    print(", ".join(f"{kind} {found:.0f}" for kind, found in middle.items()) + " new tokens per CPU-second")
    print(
        f"copies {ratio:.2f} times recast, {GOAL} wanted; this processor is {'' if is_fast else 'not '}fast in bfloat16"
    )
    return 0 if ratio >= GOAL or not is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
