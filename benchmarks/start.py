"""CPU seconds from the start of Python to the first step of a run, with its warm-up in the cache, and of a dry run.

    OMP_NUM_THREADS=1 python benchmarks/start.py             medians of five; goals 1.5 and 1.0, most of it torch
    OMP_NUM_THREADS=1 python benchmarks/start.py --rounds 1

`torch` is a Python that imports torch and nothing else: no run that computes with it can begin sooner.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from statistics import median

FIRST_STEP = """
import os, sys
from straw.cli.main import main
from straw.library.live.watcher import LiveWatcher
LiveWatcher.update = lambda self, step, row: os._exit(0) if step else False
main(sys.argv[1:])
"""
PAGE = "recipes/secret_binary.toml"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        train = ["train", PAGE, "n_batches=2", "--quiet"]
        cpu_of(["-m", "straw", *train, f"run_dir={place}/warm"])
        parts = {
            "torch": [cpu_of(["-c", "import torch"]) for _ in range(asked.rounds)],
            "first step": [
                cpu_of(["-c", FIRST_STEP, *train, f"run_dir={place}/{number}"]) for number in range(asked.rounds)
            ],
            "dry run": [cpu_of(["-m", "straw", "train", PAGE, "--dry-run"]) for _ in range(asked.rounds)],
        }
    for name, spent in parts.items():
        print(f"{name:12} {median(spent):6.2f} CPU-seconds   {' '.join(f'{one:.2f}' for one in spent)}")
    return int(median(parts["first step"]) > 1.5 or median(parts["dry run"]) > 1.0)


def cpu_of(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env={**os.environ})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
