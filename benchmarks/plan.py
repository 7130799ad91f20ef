"""What `straw plan` says beside what runs did: rollouts a second and processor time, at 1, 2 and 4 generators.

    python benchmarks/plan.py                                     reverse_digits, three paces, some twenty minutes
    python benchmarks/plan.py --page largest_smollm2 --paces exact --steps 6
    python benchmarks/plan.py --calibration FILE --keep FILE.json

One calibration (`straw plan PAGE --measure`), then runs that had no part in it, in turns, each in a process of its
own: `straw train PAGE engine=monarch num_generators=...`. Of a run the first steps are left out, and of several runs
the median counts. The plan is made with the processors that this machine has.

    others    processes of somebody else that wanted a processor meanwhile, in the mean, as a plain one of ours counts.
              They are read five times a second, with their priority, and the plan is made with them: `predicted`.
              What it would be on a quiet machine stands beside it: `alone`
    CPU       seconds of all processes of the run, for a million episodes
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import tree
from rich.console import Console
from rich.table import Table

from straw.config import load_page
from straw.planning.costs import Costs, read_costs
from straw.planning.layout import Layout
from straw.planning.measuring.meters import cpu_s
from straw.planning.simulation.processors import PLAIN, TICK_S
from straw.planning.simulation.run import simulate
from straw.planning.workload import Workload, workload_of
from straw.training.resolve.page_to_plan import plan_of

PACES = {"exact": [], "ahead": ["max_lag=1"], "free": ["max_lag=2", "pace=free"]}
QUIET = ["--quiet", "eval_samples=1", "save_every=0", "shared_machine=false"]
WITHIN = 0.15


def weight(nice: int) -> float:
    """Linux' own, in which each step of niceness is a quarter more or less."""
    return 1024.0 / 1.25**nice


def wanting(mine: set[int]) -> dict[int, int]:
    """Threads of others that want a processor now, by their niceness."""
    found: dict[int, int] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) not in mine:
            with suppress(OSError, IndexError, ValueError):
                for thread in (process / "task").iterdir():
                    fields = (thread / "stat").read_text().rpartition(")")[2].split()
                    if fields[0] == "R":
                        found[int(fields[16])] = found.get(int(fields[16]), 0) + 1
    return found


@dataclass
class Seen:
    """Of a run, every TICK_S: others, our processor time, and the steps that are written down."""

    root: int
    metrics: Path
    moments: list[float] = field(default_factory=list)
    others: list[dict[float, float]] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def watch(self, run: subprocess.Popen[bytes]) -> None:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        while run.poll() is None:
            mine = tree(self.root)
            others = {PLAIN * weight(nice) / weight(own): float(n) for nice, n in wanting({*mine, os.getpid()}).items()}
            rows = self.metrics.read_bytes().count(b"\n") if self.metrics.is_file() else 0
            self.moments.append(time.monotonic())
            self.others.append(others)
            self.used.append(sum(used_by(pid) for pid in mine))
            self.steps.append(rows)
            time.sleep(TICK_S)

    def between(self, first: int, last: int) -> slice:
        """From the row of one step to that of another; row 0 is the start."""
        begin = next(i for i, rows in enumerate(self.steps) if rows > first)
        end = next((i for i, rows in enumerate(self.steps) if rows > last), len(self.steps) - 1)
        return slice(begin, max(end, begin + 1))


def used_by(pid: int) -> float:
    try:
        return cpu_s(pid)
    except OSError:
        return 0.0


@dataclass(frozen=True)
class Measured:
    rate: float  # rollouts a second
    cpu_s: float  # of a rollout
    others: list[dict[float, float]]


def run(page: str, words: Sequence[str], generators: int, steps: int, skipped: int, rollouts: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="straw-plan-") as place:
        folder = Path(place, "run")
        command = [sys.executable, "-m", "straw", "train", page, *words, *QUIET, "engine=monarch", f"run_dir={folder}"]
        command += [f"num_generators={generators}", f"n_batches={steps}", f"eval_every={steps}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        seen = Seen(process.pid, folder / "metrics.jsonl")
        watcher = threading.Thread(target=seen.watch, args=(process,))
        watcher.start()
        assert process.wait() in (0, 1), "the run ended badly"
        watcher.join()
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    last = steps - 1  # the last one is measured on held-out problems
    seconds = rows[last]["time_s"] - rows[skipped]["time_s"]
    part = seen.between(skipped, last)
    used = seen.used[part.stop] - seen.used[part.start]
    clock = seen.moments[part.stop] - seen.moments[part.start]
    count = (last - skipped) * rollouts
    return Measured(count / seconds, used / clock * seconds / count, seen.others[part])


def mean_weight(others: Sequence[dict[float, float]]) -> float:
    return statistics.fmean(sum(w / PLAIN * n for w, n in one.items()) for one in others) if others else 0.0


def work_for(page: str, words: Sequence[str]) -> Workload:
    from straw.cli.commands.train import owners_behind, source_of
    from straw.config import parse_overrides

    path, said = source_of([page])
    words = [*words, "engine=monarch"]
    plan = plan_of(load_page(path, {**said, **parse_overrides(words, owners_behind(path, said))}))
    return workload_of(plan.page, plan.task.num_problems)


def calibrated(options: argparse.Namespace, words: list[str]) -> Costs:
    if options.calibration is not None and options.calibration.is_file():
        return read_costs(options.calibration)
    with tempfile.TemporaryDirectory() as place:
        file = options.calibration or Path(place, "calibration.json")
        command = [sys.executable, "-m", "straw", "plan", options.page, *words, "shared_machine=false", "--measure"]
        subprocess.run([*command, f"calibration={file}", "generators=1"], check=True)
        return read_costs(file)


def compared(found: Sequence[Measured], work: Workload, costs: Costs, generators: int) -> dict[str, Any]:
    layout = Layout(generators=generators, cores=costs.cores)
    predicted = [simulate(work, costs, layout, others=one.others) for one in found]
    alone = simulate(work, costs, layout)
    rate, told = (
        statistics.median(values) for values in ([m.rate for m in found], [p.rollouts_per_s for p in predicted])
    )
    cpu, cpu_told = statistics.median(one.cpu_s for one in found), statistics.median(one.cpu_s for one in predicted)
    return {
        "generators": generators, "pace": work.pace, "measured": rate, "predicted": told, "ratio": told / rate,
        "alone": alone.rollouts_per_s, "others": statistics.fmean(mean_weight(one.others) for one in found),
        "cpu": cpu * 1e6, "cpu_predicted": cpu_told * 1e6, "cpu_ratio": cpu_told / cpu,
    }  # fmt: skip


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    heads = (
        "pace",
        "generators",
        "measured/s",
        "predicted/s",
        "of it",
        "alone/s",
        "others",
        "CPU-s/1M",
        "predicted",
        "of it",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(
            row["pace"], str(row["generators"]), f"{row['measured']:.1f}", f"{row['predicted']:.1f}",
            f"{row['ratio']:.2f}", f"{row['alone']:.1f}", f"{row['others']:.1f}", f"{row['cpu']:,.0f}",
            f"{row['cpu_predicted']:,.0f}", f"{row['cpu_ratio']:.2f}",
        )  # fmt: skip
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", default="recipes/reverse_digits.toml")
    parser.add_argument("--paces", default="exact,ahead,free", help="of exact, ahead, free (all)")
    parser.add_argument("--generators", default="1,2,4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help="of a run, three of which are not counted (10)")
    parser.add_argument("--calibration", type=Path, help="read where it is there, else written")
    parser.add_argument("--keep", type=Path, help="what was measured, as JSON")
    parser.add_argument("words", nargs="*", default=["warmup=none", "batch_size=32"], help="options of the page")
    options = parser.parse_args(arguments)
    costs, console = calibrated(options, options.words), Console(width=120, highlight=False)
    cases = [(pace, int(count)) for pace in options.paces.split(",") for count in options.generators.split(",")]
    works = {pace: work_for(options.page, [*options.words, *PACES[pace]]) for pace in options.paces.split(",")}
    found: dict[tuple[str, int], list[Measured]] = {case: [] for case in cases}
    for number in range(options.rounds):
        for pace, count in cases[:: -1 if number % 2 else 1]:
            words = [*options.words, *PACES[pace]]
            found[pace, count].append(run(options.page, words, count, options.steps, 2, works[pace].rollouts))
            row = compared(found[pace, count][-1:], works[pace], costs, count)
            line = ", ".join(f"{k} {v:.3g}" for k, v in row.items() if isinstance(v, float))
            console.print(f"round {number + 1}, {pace}, {count}: {line}")
        rows = [compared(found[case], works[case[0]], costs, case[1]) for case in cases if found[case]]
        if options.keep:
            options.keep.write_text(json.dumps(rows, indent=1))
    show(rows, console)
    worst = max(abs(row["ratio"] - 1.0) for row in rows)
    console.print(f"the farthest is {worst:.0%} off, {WITHIN:.0%} wanted")
    return 0 if worst <= WITHIN else 1


if __name__ == "__main__":
    sys.exit(main())
