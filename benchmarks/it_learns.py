"""Does it learn? Ten secrets per channel with the shipped defaults, and a control that must not.

    python benchmarks/it_learns.py                 the table; about a quarter of an hour on two cores
    python benchmarks/it_learns.py --secrets 3     a quick look

A run counts as solved when bits known are above 0.9 log2 N in its last measurement; beside it stand
the median episodes to get there. The random channel pays a fair coin: the mean over secrets of the
smoothed absorbed bits log2(.99 N p(S) + .01) must stay at most 0.2. The secrets (seeds 0 to 9) are
not those that the defaults were tuned on (100 and up).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from math import log, log2
from pathlib import Path
from statistics import median

from straw.config import load_page
from straw.information import smoothed_absorbed_bits
from straw.report.curves.curve import curve_of
from straw.training.plan import Plan
from straw.training.session import run_page

N = 64
ENOUGH = 0.9 * log2(N)
CONDITIONS: dict[str, tuple[dict[str, str], int | None]] = {  # options, and how many of ten must be solved
    "binary": ({"reward_type": "binary"}, 9),
    "dense per turn": ({"env_type": "multi_step"}, 9),
    "dense summed": ({"env_type": "multi_step", "credit": "sum"}, 9),
    "8 bins": ({"reward_type": "binned_log_distance", "reward_bins": "8"}, 8),
    "log distance": ({"reward_type": "log_distance"}, 8),
    "random": ({"reward_type": "random"}, None),
}
Outcome = tuple[float | None, float]  # episodes until enough bits, if they are there at the end; bits at the end


class Nobody:
    """A watcher that looks away."""

    def say(self, line: str) -> None: ...

    def begin(self, plan: Plan, folder: Path) -> None: ...

    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


def one_run(job: tuple[str, int]) -> Outcome:
    name, seed = job
    options = {"N": str(N), "secret_seed": str(seed), "eval_every": "5", **CONDITIONS[name][0]}
    with tempfile.TemporaryDirectory() as place:
        finished = run_page(load_page(None, {**options, "run_dir": f"{place}/run"}), Nobody())
        curve = curve_of(finished.folder, name)
    passed = [e for e, b in zip(curve.episodes, curve.bits_known, strict=True) if b > ENOUGH]
    bits = curve.bits_known[-1]
    return passed[0] if bits > ENOUGH else None, bits


def measure(names: Sequence[str], seeds: Sequence[int], processes: int) -> dict[str, list[Outcome]]:
    os.environ["OMP_NUM_THREADS"] = "1"
    found: dict[str, list[Outcome]] = {name: [] for name in names}
    jobs = [(name, seed) for name in names for seed in seeds]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for (name, seed), (episodes, bits) in zip(jobs, pool.map(one_run, jobs), strict=True):
            found[name].append((episodes, bits))
            print(f"  {name:<16} secret seed {seed:<3} bits known {bits:6.2f}  90% after {episodes or '-'}", flush=True)
    return found


def verdict(name: str, runs: Sequence[Outcome]) -> tuple[str, bool]:
    needed = CONDITIONS[name][1]
    if needed is None:
        absorbed = sum(smoothed_absorbed_bits(N, (bits - log2(N)) * log(2)) for _, bits in runs) / len(runs)
        return f"mean smoothed absorbed bits {absorbed:.2f} (at most 0.2)", absorbed <= 0.2
    solved = [episodes for episodes, _ in runs if episodes is not None]
    middle = f"{median(solved):.0f}" if solved else "-"
    line = f"solved {len(solved)}/{len(runs)} (at least {needed}/10), median episodes {middle}"
    return line, len(solved) >= needed * len(runs) / 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secrets", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", nargs="*", default=list(CONDITIONS), choices=list(CONDITIONS))
    ours = parser.parse_args()
    found = measure(ours.only, range(ours.first_seed, ours.first_seed + ours.secrets), ours.processes)
    results = {name: verdict(name, runs) for name, runs in found.items()}
    for name, (line, passes) in results.items():
        print(f"{name:<16} {line}  {'ok' if passes else 'NOT REACHED'}")
    return 0 if all(passes for _, passes in results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
