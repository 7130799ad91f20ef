"""Whether a tree of straw is slower than another: the same commands in both, by turns, in CPU seconds at one thread.

    git worktree add --detach ../before COMMIT
    python benchmarks/two_trees.py ../before             five rounds, about ten minutes of CPU
    python benchmarks/two_trees.py ../before --only secret --rounds 3

    share = this tree's CPU seconds / the other's, the median of the rounds (each round's two stand next to each other)

The first round fills caches and is not counted. Both trees run with this Python's packages.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[1]
COMMANDS = {
    "help": "--help",
    "dry run": "train recipes/secret_binary.toml --dry-run",
    "secret": "train recipes/secret_binary.toml n_batches=60",
    "secret, dense": "train recipes/secret_dense.toml n_batches=40",
    "reverse_digits": "train recipes/reverse_digits.toml n_batches=15 eval_every=15 eval_samples=20",
    "smollm2, adapters": "train secret N=16 model_name=smollm2 lora_rank=4 warmup=none n_batches=4 eval_every=4",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout of another commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=COMMANDS)
    asked = parser.parse_args()
    names = [asked.only] if asked.only else list(COMMANDS)
    print(f"{'command':20} {'this, s':>8} {'other, s':>8} {'share':>6}  of each round")
    worst = 0.0
    for name in names:
        pairs = [pair(COMMANDS[name], asked.other.resolve()) for _ in range(asked.rounds + 1)][1:]
        shares = [this / other for this, other in pairs]
        worst = max(worst, median(shares))
        here, there = (median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name:20} {here:8.2f} {there:8.2f} {median(shares):6.2f}  {' '.join(f'{x:.2f}' for x in shares)}",
            flush=True,
        )
    return int(worst > 1.05)


def pair(command: str, other: Path) -> tuple[float, float]:
    return cpu_of(command, HERE), cpu_of(command, other)


def cpu_of(command: str, tree: Path) -> float:
    with tempfile.TemporaryDirectory() as place:
        words = command.split() + ([f"run_dir={place}/run", "--quiet"] if "n_batches" in command else [])
        variables = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
        before = children_s()
        subprocess.run(
            [sys.executable, "-m", "straw", *words], check=True, cwd=tree, env=variables, stdout=subprocess.DEVNULL
        )
        return children_s() - before


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
