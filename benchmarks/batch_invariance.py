"""Products in bfloat16: in how many shapes do a row's bits depend on how many rows there are, and how fast is each way?

    python benchmarks/batch_invariance.py                     ways to multiply, on this processor
    python benchmarks/batch_invariance.py --model smollm2     tokens a CPU-second, sampled and trained, of a real model
    ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 python benchmarks/batch_invariance.py       as if there were no AMX

Every way is asked with 33 numbers of rows from 1 to 511, and compared with the same rows among 512. (Fewer than 16
straw fills up in any case.)
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

SHAPES = (
    (384, 384), (384, 1536), (1536, 384), (576, 1536), (1536, 576), (576, 192), (576, 576), (896, 128), (896, 4864),
    (4864, 896), (896, 896), (2048, 8192), (8192, 2048), (576, 49152), (1000, 300),
)  # fmt: skip
ROWS = (1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 47, 48, 63, 64, 65, 96, 100, 127, 128, 129, 200, 255, 256,
        257, 300, 384, 400, 511)  # fmt: skip
TIMED = ((576, 1536), (16, 64, 512))
Way = Callable[[Tensor, Tensor], Tensor]


def tiles(size: int) -> Way:
    def product(x: Tensor, weight: Tensor) -> Tensor:
        *full, last = x.split(size)
        last = F.pad(last, (0, 0, 0, size - len(last)))
        return torch.cat([F.linear(tile, weight) for tile in (*full, last)])[: len(x)]

    return product


def padded(x: Tensor, weight: Tensor) -> Tensor:
    return F.linear(F.pad(x, (0, 0, 0, -len(x) % 64)), weight)[: len(x)]


WAYS: dict[str, Way] = {
    "linear, as it is": F.linear,
    "padded to a multiple of 64 rows": padded,
    "32 rows at a time": tiles(32),
    "64 rows at a time": tiles(64),
    "128 rows at a time": tiles(128),
}


def dependent(way: Way, width: int, out: int) -> list[int]:
    """The numbers of rows with which a row has other bits."""
    weight, x = torch.randn(out, width).bfloat16(), torch.randn(512, width).bfloat16()
    whole = way(x, weight)
    return [count for count in ROWS if not torch.equal(way(x[:count], weight), whole[:count])]


def gigaflops(way: Way, dtype: torch.dtype, rows: int) -> float:
    width, out = TIMED[0]
    weight, x = torch.randn(out, width).to(dtype), torch.randn(rows, width).to(dtype)
    way(x, weight)
    times = max(3, int(3e9 / (2 * rows * width * out)))
    began = time.process_time()
    for _ in range(times):
        way(x, weight)
    return 2 * rows * width * out * times / (time.process_time() - began) / 1e9


def print_ways() -> None:
    speeds = {"float32": (F.linear, torch.float32), **{name: (way, torch.bfloat16) for name, way in WAYS.items()}}
    for name, (way, dtype) in speeds.items():
        fast = ", ".join(f"{gigaflops(way, dtype, rows):.0f}" for rows in TIMED[1])
        found = [(shape, dependent(way, *shape)) for shape in SHAPES] if dtype == torch.bfloat16 else []
        bad = {f"{width} x {out}": counts for (width, out), counts in found if counts}
        shapes = f"{len(bad)} of {len(SHAPES)} shapes depend" if found else ""
        print(f"{name:<34} {fast:>16} GFLOP/s at {TIMED[1]} rows of {TIMED[0]}   {shapes}")


def print_tokens(model: str) -> None:
    """Eight prompts of 40 to 47 tokens with four replies of 64, then the same many tokens in training."""
    from straw.config import load_page
    from straw.engines.base import Loss, SamplingParams
    from straw.engines.local import engine as local
    from straw.engines.local.build import load_engine
    from straw.training.resolve.page_to_plan import plan_of
    from straw.types import Datum

    ours = local.batch_invariant
    for name, dtype in (("float32", "float32"), ("bfloat16, as it is", "bfloat16"), ("bfloat16", "bfloat16")):
        local.batch_invariant = ours if name != "bfloat16, as it is" else lambda device: nullcontext()
        options = {"kind": "secret", "model_name": model, "warmup": "none", "dtype": dtype}
        engine = load_engine(plan_of(load_page(None, options)).page)
        prompts = [tuple(range(100, 140 + one)) for one in range(8)]
        seeds = [[10 * one + row for row in range(4)] for one in range(8)]
        began = time.process_time()
        replies = engine.sample(prompts, 4, SamplingParams(max_tokens=64, temperature=1.0), seeds)
        sampled = sum(len(one.tokens) for row in replies for one in row) / (time.process_time() - began)
        data = [
            Datum(prompt=tuple(range(100 + g, 160 + g)), tokens=tuple(range(200 + r, 264 + r)), weights=(1.0,) * 64)
            for g in range(8)
            for r in range(4)
        ]
        engine.forward_backward(data[:4], Loss(name="cross_entropy"))
        began = time.process_time()
        engine.forward_backward(data, Loss(name="cross_entropy"))
        print(f"{name:<20} {sampled:4.0f} sampled, {64 * 32 / (time.process_time() - began):4.0f} trained a CPU-second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a real model, for tokens a CPU-second")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print_tokens(chosen.model) if chosen.model else print_ways()
