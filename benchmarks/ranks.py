"""What a divided trainer takes: memory of each process and seconds of a step, on one process, one rank and two.

    python benchmarks/ranks.py                             SmolLM2, all weights; some minutes
    python benchmarks/ranks.py lora_rank=16                in the words of straw train
    python benchmarks/ranks.py --ranks 1,2,4 model_name=tiny-5M

    held       anonymous memory when the steps are done: rows, gradient's place, moments
    peak       the most that was resident, shared pages too
    step       seconds of forward_backward and optim_step, the better of two; CPU: of all processes

A batch is 8 replies of 16 tokens to two prompts of 60. SmolLM2 has to be there: `straw models add smollm2`.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes

import argparse
import multiprocessing
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from straw.config import Page

STEPS = 2


def data_of(engine: Any) -> list[Any]:
    from straw.types import Datum

    prompts = [engine.chat.encode(f"Think of number {number}, and say it. " * 7)[:60] for number in range(2)]
    tokens = tuple(20 + place for place in range(16))
    return [Datum(prompt=prompt, tokens=tokens, weights=(1 / 128,) * 16) for prompt in prompts for _ in range(4)]


def status(pid: int) -> tuple[float, float]:
    """MiB held and at the peak."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024


def cpu_s(pids: list[int]) -> float:
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def page_for(words: list[str], ranks: int) -> Page:
    from straw.config import load_page, parse_overrides, with_values
    from straw.training.resolve.device import on_this_machine

    chosen = {"model_name": "smollm2", "warmup": "none", **parse_overrides(words)}
    return with_values(on_this_machine(load_page(None, chosen).page), {"trainer_ranks": max(1, ranks)})


def measured(words: list[str], ranks: int, pipe: Any) -> None:
    """In a process of its own, so that its peak is this arrangement's."""
    from straw.engines.base import AdamParams, Loss
    from straw.engines.local.build import load_engine, with_adapters
    from straw.engines.ranks.engine import RanksEngine

    page = page_for(words, ranks)
    local = with_adapters(load_engine(page), page.model)
    engine: Any = RanksEngine(page, local) if ranks else local
    with engine, TemporaryDirectory() as start:
        engine.save(Path(start), optimizer=False)
        engine.start_is_in(Path(start))  # as in a run, so that nobody keeps a copy
        pids = [os.getpid(), *(one["pid"] for one in engine.facts().get("ranks", []))]
        data, loss, step = data_of(engine), Loss(name="cross_entropy"), AdamParams(learning_rate=1e-5)
        times = []
        for _ in range(STEPS):
            began, used = time.monotonic(), cpu_s(pids)
            engine.forward_backward(data, loss)
            engine.optim_step(step)
            times.append((time.monotonic() - began, cpu_s(pids) - used))
        began = time.monotonic()
        engine.publish()
        pipe.send({
            "wall": min(wall for wall, _ in times), "cpu": min(used for _, used in times),
            "publish": time.monotonic() - began, "memory": [status(pid) for pid in pids],
        })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="0,1,2", help="arrangements to measure; 0: the local engine")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    print("                step s   CPU s   publish s   MiB held (peak) of each process, the sampler first")
    for ranks in map(int, given.ranks.split(",")):
        here, there = spawn.Pipe()
        process = spawn.Process(target=measured, args=(given.words, ranks, there))
        process.start()
        there.close()
        found = here.recv()
        process.join()
        name = f"{ranks} rank{'s' if ranks > 1 else ''}" if ranks else "one process"
        memory = "   ".join(f"{held:,.0f} ({peak:,.0f})" for held, peak in found["memory"])
        times = f"{found['wall']:7.2f} {found['cpu']:7.2f} {found['publish']:11.2f}"
        print(f"{name:<15} {times}   {memory}", flush=True)


if __name__ == "__main__":
    main()
