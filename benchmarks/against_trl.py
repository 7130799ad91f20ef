"""Speed against TRL's GRPOTrainer: the same model, prompt and shape, in episodes per CPU-second at one thread.

    python benchmarks/against_trl.py                    both models, five alternating rounds, about 20 minutes
    python benchmarks/against_trl.py --models tiny-1M   the embedded model alone, two minutes
    python benchmarks/against_trl.py --skip-trl         straw alone, with its share of the machine's limits
    python benchmarks/against_trl.py --growth           the time against prompt length and group size, as well

Each side lives in a process of its own, takes its turn while the other waits, and is timed by that process's CPU
clock. `general` reads through transformers' modules, as any model would; `llama` by straw's own Llama. Both do
a first step that is not timed; on it the sides are compared (see `same_work`). The ratio is that of the rounds
that stand side by side, its median over the rounds.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes, here and in every side
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from job import Job, Round, prompt_of
from machine_limits import Limits, Needs
from rich.console import Console
from rich.table import Table
from same_work import Agreement, differences

from straw.engines.local.models.resolve import load_model
from straw.errors import StrawError

STEPS_PER_ROUND = {"tiny-0.2M": 5, "tiny-1M": 5, "tiny-5M": 3}  # others: 1
GOALS = {"general": 6.0, "llama": 10.0}
PATHS = {"llama": True, "general": False}


@dataclass(slots=True, kw_only=True)
class Result:
    """Everything that was measured on one model."""

    job: Job
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    limits: Limits = field(default_factory=lambda: Limits(0.0, 0.0))
    needs: dict[str, Needs] = field(default_factory=dict)

    def episodes_per_cpu_s(self, side: str) -> float:
        return statistics.median(r.episodes_per_cpu_s for r in self.rounds[side])

    def ratios(self, path: str) -> list[float]:
        both = zip(self.rounds[path], self.rounds["trl"], strict=True)
        return [ours.episodes_per_cpu_s / theirs.episodes_per_cpu_s for ours, theirs in both]

    def faults(self) -> list[str]:
        counted = {
            f"{side}: {fault}" for side, rounds in self.rounds.items() for r in rounds
            for fault in differences(self.job, r.work)
        }  # fmt: skip
        compared = {f"{path}: {fault}" for path, a in self.agreements.items() for fault in a.differences()}
        settings = {rounds[-1].work.optimizer for rounds in self.rounds.values()}
        return sorted(counted | compared | ({f"optimisers differ: {settings}"} if len(settings) > 1 else set()))


def main() -> int:
    options = read_options()
    console = Console(width=120, highlight=False)
    try:
        jobs = [job_of(name) for name in options.models]
    except StrawError as error:
        console.print(f"error: {error}", markup=False)
        return 2
    results, curves = [], []
    for job in jobs:
        results.append(measure(job, options.rounds, not options.skip_trl, console))
        show(results[-1], console)
        if options.growth:
            curves.append(measure_growth(job.model, console))
    if options.json:
        options.json.write_text(json.dumps({"speed": [report(r) for r in results], "growth": curves}, indent=1))
    return 1 if any(result.faults() for result in results) else 0


def read_options() -> argparse.Namespace:
    first, *rest = (__doc__ or "").split("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog="\n".join(rest), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of every side, in turn (default 5)")
    parser.add_argument(
        "--models", type=lambda text: text.split(","), default=["tiny-1M", "smollm2"], help="names, with commas between"
    )
    parser.add_argument("--skip-trl", action="store_true", help="straw alone")
    parser.add_argument("--growth", action="store_true", help="the time against prompt length and group size, as well")
    parser.add_argument("--json", type=Path, help="a file for everything that was measured")
    return parser.parse_args()


def job_of(model: str) -> Job:
    text, tokens = prompt_of(load_model(model).tokenizer, 60)
    return Job(model=model, text=text, prompt=tokens, steps_per_round=STEPS_PER_ROUND.get(model, 1))


# --- measuring --------------------------------------------------------------------------------


def measure(job: Job, num_rounds: int, with_trl: bool, console: Console) -> Result:
    result = Result(job=job)
    with tempfile.TemporaryDirectory() as folder, sides(job, with_trl, Path(folder)) as pipes:
        warm_up(pipes, result, Path(folder))
        for number in range(1, num_rounds + 1):
            play(pipes, result)
            console.print(f"{job.model}, round {number} of {num_rounds}: {line(result)}")
    return result


@contextmanager
def sides(job: Job, with_trl: bool, folder: Path) -> Iterator[dict[str, Connection]]:
    """A process each; straw and TRL take turns: llama, trl, general, and again."""
    import straw_side

    servers: dict[str, tuple[Callable[..., None], object]] = {"llama": (straw_side.serve, PATHS["llama"])}
    if with_trl:
        import trl_side

        servers["trl"] = (trl_side.serve, folder)
    servers["general"] = (straw_side.serve, PATHS["general"])
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for name, (serve, what) in servers.items():
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=serve, args=(theirs, job, what), daemon=True))
        processes[-1].start()
        theirs.close()  # so that a side that dies ends the wait for it
    yield pipes
    for pipe in pipes.values():
        pipe.send(None)
    for process in processes:
        process.join()


def ask(pipe: Connection, message: Any) -> Any:
    pipe.send(message)
    return pipe.recv()


def warm_up(pipes: dict[str, Connection], result: Result, folder: Path) -> None:
    first = None
    if "trl" in pipes:
        import trl_side

        first = trl_side.first_step(ask(pipes["trl"], 1), folder)
    for path in PATHS:
        if first:
            result.agreements[path] = ask(pipes[path], ("compare", first))
        ask(pipes[path], ("round", 1))


def play(pipes: dict[str, Connection], result: Result) -> None:
    """One round of every side, and the machine's limits while they are at it."""
    steps = result.job.steps_per_round
    for name, pipe in pipes.items():
        played = ask(pipe, steps if name == "trl" else ("round", steps))
        result.rounds.setdefault(name, []).append(played)
    limits, result.needs = ask(pipes["llama"], ("limits",))
    result.limits = limits.best(result.limits)


def measure_growth(model: str, console: Console) -> dict[str, Any]:
    from growth import growth, show

    curve = growth(model)
    show(curve, console)
    return asdict(curve)


# --- telling ----------------------------------------------------------------------------------


def line(result: Result) -> str:
    return ", ".join(f"{name} {rounds[-1].episodes_per_cpu_s:.3g}" for name, rounds in result.rounds.items())


def show(result: Result, console: Console) -> None:
    console.print(speeds(result))
    if "trl" in result.rounds:
        for path, goal in GOALS.items():
            ratio = statistics.median(result.ratios(path))
            verdict = "reached" if ratio >= goal else "MISSED"
            console.print(f"  goal {verdict}: {path} {ratio:.1f} times TRL, at least {goal:g} wanted", markup=False)
    for path, found in result.agreements.items():
        console.print(
            f"  {path}: log-probabilities of TRL's tokens within {found.largest_gap:.1e} nats of the plain forward, "
            f"cosine to TRL's gradient {found.cosine:.8f}"
        )
    faults = result.faults()
    console.print(
        "  NOT the same work:" if faults else f"  the same work on all sides: {account(result)}", markup=False
    )
    for fault in faults:
        console.print(f"    {fault}", markup=False)
    console.print(shares(result))


def account(result: Result) -> str:
    work = result.rounds["llama"][-1].work
    return (
        f"{len(work.prompt)} prompt tokens, {len(work.replies)} x {result.job.reply_tokens} tokens, one update a step, "
        f"{work.dtypes[0].removeprefix('torch.')}, {work.threads} thread, {work.optimizer}"
    )


def speeds(result: Result) -> Table:
    table = Table(title=f"{result.job.model}: medians of {len(result.rounds['llama'])} rounds", title_justify="left")
    for name in ("side", "tokens read", "episodes/CPU-s", "in the kernel", "episodes/s", "times TRL", "least to most"):
        table.add_column(name, justify="left" if name == "side" else "right")
    for side, rounds in result.rounds.items():
        ratio = ("", "")
        if side in PATHS and "trl" in result.rounds:
            ratios = result.ratios(side)
            ratio = (f"{statistics.median(ratios):.1f}", f"{min(ratios):.1f} to {max(ratios):.1f}")
        wall = statistics.median(r.episodes_per_s for r in rounds)
        kernel = statistics.median(r.spent.kernel_s / r.spent.cpu_s for r in rounds)
        name = "TRL" if side == "trl" else f"straw, {side}"
        read = str(rounds[-1].work.tokens_read)
        table.add_row(name, read, f"{result.episodes_per_cpu_s(side):.2f}", f"{kernel:.0%}", f"{wall:.2f}", *ratio)
    return table


def shares(result: Result) -> Table:
    limits = result.limits
    title = f"{result.job.model}: of the machine's {limits.flops_per_s / 1e9:.0f} GFLOP/s"
    table = Table(title=f"{title} and {limits.bytes_per_s / 1e9:.0f} GB/s", title_justify="left")
    for name in ("path", "phase", "tokens/CPU-s", "GFLOP/s", "of matmul", "of memory", "of the tighter limit"):
        table.add_column(name, justify="left" if name in ("path", "phase") else "right")
    for path in PATHS:
        for phase, needs in result.needs.items():
            cpu_s = statistics.median(r.phases[phase] for r in result.rounds[path])
            parts = (needs.flops / limits.flops_per_s, needs.bytes / limits.bytes_per_s, needs.least_s(limits))
            rates = (f"{needs.tokens / cpu_s:.0f}", f"{needs.flops / cpu_s / 1e9:.1f}")
            table.add_row(path, phase, *rates, *(f"{part / cpu_s:.0%}" for part in parts))
    return table


def report(result: Result) -> dict[str, Any]:
    """Plain values; the replies themselves are left out."""
    sides = {
        name: [
            {**asdict(r.spent), "steps": r.work.steps, "phases": r.phases, "episodes_per_cpu_s": r.episodes_per_cpu_s}
            for r in rounds
        ]
        for name, rounds in result.rounds.items()
    }  # fmt: skip
    ratios = {path: result.ratios(path) for path in PATHS if "trl" in result.rounds}
    return {
        "model": result.job.model,
        "prompt_tokens": len(result.job.prompt),
        "group_size": result.job.group_size,
        "reply_tokens": result.job.reply_tokens,
        "sides": sides,
        "ratios": ratios,
        "ratio": {path: statistics.median(values) for path, values in ratios.items()},
        "goals": GOALS,
        "agreements": {path: asdict(found) for path, found in result.agreements.items()},
        "faults": result.faults(),
        "limits": asdict(result.limits),
        "needs": {phase: asdict(needs) for phase, needs in result.needs.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
