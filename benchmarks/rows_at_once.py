"""Replies of different lengths: all at once, in batches one after the other, or in places that are taken again.

    python benchmarks/rows_at_once.py                       tiny-1M, 256 replies of 1 to 200 tokens, 32 at a time
    python benchmarks/rows_at_once.py --model smollm2 --samples 64 --limit 16 --tokens 128

A reply ends at any of one token in forty, so lengths are spread as those of a model that has not learned to be brief.
Every arrangement works in a process of its own, three alternating rounds; all have to write the same replies.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Iterator
from typing import Any

ARRANGEMENTS = ("all at once", "in batches", "in places")
ENDS = 40  # one token in so many


def write(arrangement: str, options: argparse.Namespace) -> tuple[float, float, int, int]:
    """New tokens, CPU-seconds, bytes of memory that sampling took, and a number that tells the replies."""
    from straw.config import load_page
    from straw.engines.base import SamplingParams
    from straw.engines.local.build import load_engine

    asked: dict[str, Any] = {"model_name": options.model, "dtype": "float32", "device": "cpu"}
    if arrangement == "in places":
        asked["rows_at_once"] = options.limit
    engine = load_engine(load_page(None, asked).page)
    prompt = engine.chat.encode("Name a number, and say why it is the one. " * 3)
    params = SamplingParams(max_tokens=options.tokens, stop=frozenset(range(7, 50_000, ENDS)))
    engine.sample([prompt], 16, SamplingParams(max_tokens=2), [range(16)])  # memory is touched for the first time
    size = options.limit if arrangement == "in batches" else options.samples
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    replies = []
    for start in range(0, options.samples, size):
        seeds = range(start, min(start + size, options.samples))
        replies += engine.sample([prompt], len(seeds), params, [seeds])[0]
    seconds = time.process_time() - begun
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return sum(len(reply.tokens) for reply in replies), seconds, grown, hash(tuple(replies))


def rounds(options: argparse.Namespace) -> Iterator[tuple[str, tuple[float, float, int, int]]]:
    context = multiprocessing.get_context("spawn")
    for number in range(options.rounds):
        for arrangement in ARRANGEMENTS[:: -1 if number % 2 else 1]:
            with context.Pool(1) as pool:
                yield arrangement, pool.apply(write, (arrangement, options))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny-1M")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--limit", type=int, default=32, help="rows at once (32)")
    parser.add_argument("--tokens", type=int, default=200, help="of the longest reply (200)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float, int, int]]] = {name: [] for name in ARRANGEMENTS}
    for name, result in rounds(options):
        found[name].append(result)
    assert len({result[3] for results in found.values() for result in results}) == 1, "the replies differ"
    tokens = found[ARRANGEMENTS[0]][0][0]
    print(f"{options.model}: {options.samples} replies of {tokens / options.samples:.1f} tokens in the mean")
    for name, results in found.items():
        rates = sorted(tokens / seconds for _, seconds, _, _ in results)
        grown = statistics.median(size for _, _, size, _ in results) / 2**20
        print(
            f"{name:12} {statistics.median(rates):8,.0f} new tokens per CPU-second"
            f" ({rates[0]:,.0f} to {rates[-1]:,.0f})  {grown:6,.0f} MiB more at the peak"
        )


if __name__ == "__main__":
    main()
