"""straw's distributed engine against the plain arrangement on Monarch, on SmolLM2 with two generators.

    python benchmarks/distributed.py             three alternating rounds, about ten minutes
    python benchmarks/distributed.py --samples 32 --tokens 64
    python benchmarks/distributed.py lora_rank=8       straw trains adapters, the plain arrangement all weights
    python benchmarks/distributed.py --only-overlap gradient_checkpointing=true tokens_per_microbatch=375
    python benchmarks/distributed.py --hosts 2   what other machines cost: benchmarks/hosts.py

    generation    new tokens per CPU-second of the generator processes, each writing its replies at its own way:
                  the plain one a trajectory at a time, straw's `--samples` at a time; replies of equal, fixed length
    sync          seconds from weights that are trained to weights that every generator samples with
    memory        the largest PSS of the whole tree of processes, controller included, over all rounds
    overlap       wall time of steps whose rollouts were begun one step ahead, over steps that wait for each other,
                  behind a first step

straw computes in what `dtype=auto` takes here, bfloat16 where the processor is fast in it (`--dtype float32`: as the
plain one, which keeps transformers' float32 throughout).

Each arrangement has a controller of its own in a process of its own; while one works, the other waits.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes, here and in every process
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# where the actors of the plain arrangement are found
os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__)) + os.pathsep + os.environ.get("PYTHONPATH", "")

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

NUM_GENERATORS = 2
TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            parents.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def pss(root: int) -> int:
    """Bytes, each shared page counted once over those who share it."""
    total = 0
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def cpu_s(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Straw:
    """Our arrangement, by the verbs of the engine."""

    def __init__(self, samples: int, dtype: str, words: list[str]) -> None:
        from straw.config import load_page, parse_overrides
        from straw.engines.local.build import load_engine, with_adapters
        from straw.engines.monarch.engine import MonarchEngine
        from straw.training.resolve.device import best_dtype

        dtype = best_dtype(dtype, "cpu", is_embedded=False)
        options = {"model_name": "smollm2", "dtype": dtype, "device": "cpu", "engine": "monarch", "max_lag": 1}
        page = load_page(None, {**options, **parse_overrides(words)}).page
        local = with_adapters(load_engine(page), page.model)
        self.folder = tempfile.TemporaryDirectory()  # a run keeps its start on the disk, too
        local.save(Path(self.folder.name), optimizer=False)
        self.engine = MonarchEngine(page, local, NUM_GENERATORS)
        self.engine.start_is_in(Path(self.folder.name))
        local.let_go()
        self.samples = samples * NUM_GENERATORS
        while "starting" in self.engine.pool.states():
            time.sleep(0.05)

    def generate(self, prompt: list[int], num_tokens: int, seed: int) -> list[list[int]]:
        self.replies = self._sample(self.engine, prompt, num_tokens, seed)
        return [list(reply.tokens) for reply in self.replies]

    def update(self, prompt: list[int], replies: list[list[int]]) -> None:
        from straw.engines.base import AdamParams, Loss

        self.engine.forward_backward(self._data(prompt, self.replies), Loss(name="importance_sampling"))
        self.engine.optim_step(AdamParams(learning_rate=1e-6))

    def sync(self) -> None:
        self.engine.publish()

    def steps(self, prompt: list[int], num_tokens: int, count: int, ahead: bool) -> float:
        """Wall seconds of `count` whole steps, waiting for one another or one ahead, behind a first one."""
        with ThreadPoolExecutor(1) as writer:
            write = lambda step: writer.submit(self._sample, self.engine.pinned(), prompt, num_tokens, step)  # noqa: E731
            waiting, began = write(0), 0.0
            for step in range(count + 1):
                following = write(step + 1) if ahead else None
                self.replies = waiting.result()
                self.update(prompt, [])
                self.sync()
                began = began or time.perf_counter()  # what comes before it happens once in a run
                waiting = following or (write(step + 1) if step < count else waiting)
            return time.perf_counter() - began

    def _sample(self, sampler: Any, prompt: list[int], num_tokens: int, seed: int) -> list[Any]:
        from straw.engines.base import SamplingParams

        seeds = [[seed * 1000 + row for row in range(self.samples)]]
        return list(sampler.sample([tuple(prompt)], self.samples, SamplingParams(max_tokens=num_tokens), seeds)[0])

    def _data(self, prompt: list[int], replies: list[Any]) -> list[Any]:
        from straw.types import Datum

        size = len(replies[0].tokens)
        return [
            Datum(
                prompt=tuple(prompt), tokens=reply.tokens, weights=(1 / len(replies) / size,) * size,
                advantages=(1.0 if row % 2 else -1.0,) * size, logprobs=reply.logprobs,
            )
            for row, reply in enumerate(replies)
        ]  # fmt: skip

    def close(self) -> None:
        self.engine.close()
        self.folder.cleanup()


def side(kind: str, samples: int, dtype: str, words: list[str], pipe: Connection) -> None:
    """A controller: it does what it is told, and says how long it took."""
    from straw.engines.monarch.processes import namespace as wall

    if kind != "plain":
        wall.prepare()  # before torch brings threads
    from straw.engines.local.models.cache import models_folder

    mine: Any
    if kind == "plain":
        from plain_arrangement import Plain

        mine = Plain(str(models_folder() / "smollm2"), NUM_GENERATORS)
    else:
        mine = Straw(samples, dtype, words)
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        method, given = order
        begun = time.perf_counter()
        answer = getattr(mine, method)(*given)
        pipe.send((time.perf_counter() - begun, answer))
    mine.close()


class Side:
    def __init__(self, kind: str, samples: int, dtype: str, words: list[str]) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=side, args=(kind, samples, dtype, words, theirs))
        self.process.start()
        self.peak, self.is_over = 0, False
        self.is_watched = True  # reading the pages of all processes takes a fifth of a core, so not while time counts
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()
        self.pipe.recv()

    def ask(self, method: str, *given: object) -> tuple[float, Any, float]:
        """Wall seconds, the answer, CPU-seconds of the whole tree."""
        pids = tree(self.process.pid or 0)
        before = cpu_s(pids)
        self.pipe.send((method, given))
        seconds, answer = self.pipe.recv()
        return seconds, answer, cpu_s(pids) - before

    def close(self) -> None:
        self.pipe.send(None)
        self.process.join()
        self.is_over = True

    def _watch(self) -> None:
        while not self.is_over:
            if self.is_watched:
                self.peak = max(self.peak, pss(self.process.pid or 0))
            time.sleep(0.3)


def measure(one: Side, prompt: list[int], tokens: int, seed: int, is_watched: bool = False) -> dict[str, float]:
    one.is_watched = is_watched
    wall, replies, cpu = one.ask("generate", prompt, tokens, seed)
    new = sum(map(len, replies))
    assert all(len(reply) == tokens for reply in replies), "replies have a fixed length"
    update, _, _ = one.ask("update", prompt, replies)
    sync, _, _ = one.ask("sync")
    return {"tokens_per_cpu_s": new / cpu, "tokens_per_s": new / wall, "update_s": update, "sync_s": sync, "new": new}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=16, help="a generator writes at a time (16)")
    parser.add_argument("--tokens", type=int, default=32, help="of a reply (32)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"), help="of straw (auto)")
    parser.add_argument("page", nargs="*", metavar="key=value", help="options of straw's page: lora_rank=8")
    parser.add_argument("--only-overlap", action="store_true", help="the last measurement alone, and the memory")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--hosts", type=int, default=0, help="workers over TLS instead: see benchmarks/hosts.py")
    options = parser.parse_args()
    if options.hosts:
        import hosts

        return hosts.main(["--hosts", str(options.hosts)])
    console = Console(width=110, highlight=False)
    prompt = prompt_tokens()
    kinds = ("straw",) if options.only_overlap else ("plain", "straw")
    sides = {kind: Side(kind, options.samples, options.dtype, options.page) for kind in kinds}
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in sides}
    for one in sides.values():
        for seed in (98, 99):  # not counted: memory is touched for the first time, and looked at
            measure(one, prompt, options.tokens, seed, is_watched=True)
    for number in range(0 if options.only_overlap else options.rounds):
        for kind in sorted(sides, reverse=bool(number % 2)):
            rows[kind].append(measure(sides[kind], prompt, options.tokens, number))
            console.print(
                f"round {number + 1}, {kind}: " + ", ".join(f"{k} {v:.3g}" for k, v in rows[kind][-1].items())
            )
    waits, ahead = overlap(sides["straw"], prompt, options.tokens, options.rounds, console)
    for one in sides.values():
        one.close()
    if options.only_overlap:
        share = statistics.median(ahead) / statistics.median(waits)
        console.print(f"one ahead {share:.2f} of waiting, peak memory (PSS) {sides['straw'].peak / 2**30:.2f} GiB")
        return 0 if share <= 0.7 else 1
    found = figures(rows, {kind: one.peak for kind, one in sides.items()}, waits, ahead)
    show(found, console)
    if options.json:
        options.json.write_text(json.dumps({"rounds": rows, "found": found}, indent=1))
    return 0 if all(row["holds"] for row in found) else 1


def overlap(
    one: Side, prompt: list[int], tokens: int, rounds: int, console: Console, steps: int = 4
) -> tuple[list[float], list[float]]:
    """And one round more, for its memory."""
    waits, ahead = list[float](), list[float]()
    one.is_watched = False
    for number in range(rounds):
        order: list[tuple[bool, list[float]]] = [(False, waits), (True, ahead)]
        for is_ahead, seconds in order[:: -1 if number % 2 else 1]:
            seconds.append(one.ask("steps", prompt, tokens, steps, is_ahead)[1])
        console.print(f"round {number + 1}, {steps} steps: waiting {waits[-1]:.1f} s, one ahead {ahead[-1]:.1f} s")
    one.is_watched = True
    one.ask("steps", prompt, tokens, 2, True)
    return waits, ahead


def prompt_tokens() -> list[int]:
    from straw.engines.local.models.resolve import load_model
    from straw.types import Message

    question = "What is the total digit sum of [123, 45, 67]? Add the digits of each number, then add the sums."
    return list(load_model("smollm2").chat().opening((Message("user", question),)))


def figures(
    rows: dict[str, list[dict[str, float]]], peaks: dict[str, int], waits: list[float], ahead: list[float]
) -> list[dict[str, Any]]:
    def middle(kind: str, name: str) -> float:
        return statistics.median(row[name] for row in rows[kind])

    def line(what: str, plain: float, straw: float, goal: str, holds: bool) -> dict[str, Any]:
        return {"what": what, "plain": plain, "straw": straw, "goal": goal, "holds": holds}

    faster = middle("straw", "tokens_per_cpu_s") / middle("plain", "tokens_per_cpu_s")
    sync = middle("plain", "sync_s") / middle("straw", "sync_s")
    share = statistics.median(ahead) / statistics.median(waits)
    bound = least_share(rows["straw"], cores=2)
    return [
        line("new tokens per CPU-second", middle("plain", "tokens_per_cpu_s"), middle("straw", "tokens_per_cpu_s"),
             f"{faster:.1f} times, at least 12 wanted", faster >= 12),
        line("new tokens per second", middle("plain", "tokens_per_s"), middle("straw", "tokens_per_s"), "", True),
        line("weight sync, s", middle("plain", "sync_s"), middle("straw", "sync_s"),
             f"{sync:.1f} times faster, at least 10 wanted", sync >= 10),
        line("peak memory (PSS), GiB", peaks["plain"] / 2**30, peaks["straw"] / 2**30,
             "at most 4 wanted", peaks["straw"] <= 4 * 2**30),
        line("one ahead / waiting, wall s", statistics.median(waits), statistics.median(ahead),
             f"{share:.2f}, at most 0.7 wanted; two cores allow {bound:.2f}", share <= 0.7),
    ]  # fmt: skip


def least_share(rows: list[dict[str, float]], cores: int) -> float:
    """What no arrangement goes below: two generators wait for one trainer, or all cores are busy all the time."""
    train = statistics.median(row["update_s"] for row in rows)
    write = statistics.median(row["new"] / row["tokens_per_s"] for row in rows)
    return max(train, write, (NUM_GENERATORS * write + train) / cores) / (train + write)


def show(found: list[dict[str, Any]], console: Console) -> None:
    table = Table(title="SmolLM2-135M, two generators", title_justify="left")
    for column in ("", "plain", "straw", "goal", ""):
        table.add_column(column, justify="right" if column in ("plain", "straw") else "left")
    for row in found:
        table.add_row(row["what"], f"{row['plain']:.3g}", f"{row['straw']:.3g}", row["goal"],
                      "" if not row["goal"] else "holds" if row["holds"] else "MISSED")  # fmt: skip
    console.print(table)
    console.print("in the last line `plain` is straw's own steps that wait for each other")


if __name__ == "__main__":
    sys.exit(main())
