"""What a second generator brings, and what the distributed engine costs, on the embedded model.

    python benchmarks/generators.py            about two minutes; the two cores should be idle

    scaling    samples a second with two generators over one, both sampling the same replies
    cost       CPU-seconds of all processes for whole steps (sample, update, publish) with one generator, over those of
               the local engine for the same steps

The replies are compared: both engines, and any number of generators, write the same.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from straw.engines.monarch.processes.namespace import prepare

prepare()  # before torch brings threads

# ruff: noqa: E402
import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import cpu_s, tree
from rich.console import Console

from straw.config import load_page
from straw.engines.base import AdamParams, Engine, Loss, Reply, SamplingParams
from straw.engines.local.build import load_engine
from straw.types import Datum

PROMPTS, SAMPLES, TOKENS = 8, 64, 24
SCALING, COST = 1.6, 1.05


@contextmanager
def engine_of(num_generators: int) -> Iterator[Engine]:
    """0: the local engine."""
    options = {"model_name": "tiny-1M", "device": "cpu", "dtype": "float32", "num_generators": str(num_generators or 1)}
    page = load_page(None, options | ({"engine": "monarch"} if num_generators else {})).page
    local = load_engine(page)
    if not num_generators:
        yield local
        return
    from straw.engines.monarch.engine import MonarchEngine

    with MonarchEngine(page, local, num_generators) as engine:
        while "starting" in engine.pool.states():
            time.sleep(0.05)
        yield engine


def prompts_of(engine: Engine) -> list[tuple[int, ...]]:
    first = 1234567
    return [tuple(engine.chat.encode(f"Reverse the digits of {number}.")) for number in range(first, first + PROMPTS)]


def sampled(engine: Engine, seed: int) -> list[list[Reply]]:
    seeds = [[seed * 10**6 + row * 1000 + sample for sample in range(SAMPLES)] for row in range(PROMPTS)]
    return engine.sample(prompts_of(engine), SAMPLES, SamplingParams(max_tokens=TOKENS), seeds)


def stepped(engine: Engine, seed: int) -> list[list[Reply]]:
    """A whole step: sampling, an update, the weights shown again."""
    replies = sampled(engine, seed)
    data = [
        Datum(
            prompt=prompt, tokens=reply.tokens, weights=(1 / len(reply.tokens),) * len(reply.tokens),
            advantages=(1.0 if place % 2 else -1.0,) * len(reply.tokens), logprobs=reply.logprobs,
        )
        for prompt, group in zip(prompts_of(engine), replies, strict=True)
        for place, reply in enumerate(group)
    ]  # fmt: skip
    engine.forward_backward(data, Loss(name="importance_sampling"))
    engine.optim_step(AdamParams(learning_rate=1e-5))
    engine.publish()
    return replies


def timed(work: Any, engine: Engine, seed: int) -> tuple[float, float, Any]:
    """Wall seconds, CPU-seconds of all processes, what came out."""
    pids = tree(os.getpid())
    begun, before = time.perf_counter(), cpu_s(pids)
    out = work(engine, seed)
    return time.perf_counter() - begun, cpu_s(pids) - before, out


def scaling(rounds: int, say: Any) -> float:
    with engine_of(1) as one, engine_of(2) as two:
        assert timed(sampled, one, 99)[2] == timed(sampled, two, 99)[2], "both write the same replies"
        ratios = []
        for seed in range(rounds):
            walls = {}
            for name, engine in ((1, one), (2, two))[:: -1 if seed % 2 else 1]:
                walls[name] = timed(sampled, engine, seed)[0]
            ratios.append(walls[1] / walls[2])
            replies = PROMPTS * SAMPLES
            say(f"round {seed + 1}: {replies / walls[1]:,.0f} samples/s with one, {replies / walls[2]:,.0f} with two")
    return statistics.median(ratios)


def cost(rounds: int, say: Any) -> float:
    with engine_of(0) as local, engine_of(1) as spread:
        assert timed(stepped, local, 99)[2] == timed(stepped, spread, 99)[2], "both write the same replies"
        ratios = []
        for seed in range(rounds):
            seconds = {}
            for name, engine in (("local", local), ("monarch", spread))[:: -1 if seed % 2 else 1]:
                seconds[name] = sum(timed(stepped, engine, seed * 10 + step)[1] for step in range(3))
            ratios.append(seconds["monarch"] / seconds["local"])
            say(f"round {seed + 1}: {seconds['local']:.2f} CPU-s local, {seconds['monarch']:.2f} with one generator")
    return statistics.median(ratios)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    console = Console(width=110, highlight=False)
    more, dearer = scaling(rounds, console.print), cost(rounds, console.print)
    console.print(f"two generators: {more:.2f} times the samples a second of one, at least {SCALING} wanted")
    console.print(f"the engine: {dearer:.3f} times the CPU of the local one, at most {COST} wanted")
    return 0 if more >= SCALING and dearer <= COST else 1


if __name__ == "__main__":
    sys.exit(main())
