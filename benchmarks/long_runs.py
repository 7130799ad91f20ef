"""What it takes to look at a long run: memory and processor time of `straw show` and `straw report`.

    python benchmarks/long_runs.py                       10,000, 100,000 and 1,000,000 rollouts, a few minutes
    python benchmarks/long_runs.py --rollouts 1000000

A run of two steps is trained, and its lines are written again and again with other numbers in them, four rollouts a
step, until there are as many as are asked for: every float is another one, as in a run. Goal: 200 MB for a million.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

GOAL_MB = 200
GROUP = 4
COMMANDS = {"show": ["show", "{run}"], "show --json": ["show", "{run}", "--json"],
            "report": ["report", "{run}", "-o", "{place}/report.html"]}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    asked = parser.parse_args()
    worst = 0.0
    print(f"{'rollouts':>9}  {'command':12} {'MB':>6} {'CPU, s':>7}   goal {GOAL_MB} MB", flush=True)
    for count in asked.rollouts:
        with tempfile.TemporaryDirectory() as place:
            run = long_run(Path(place), count)
            for name, words in COMMANDS.items():
                taken, cpu_s = cost([word.format(run=run, place=place) for word in words])
                worst = max(worst, taken)
                print(f"{count:9,}  {name:12} {taken:6.0f} {cpu_s:7.1f}", flush=True)
    return int(worst > GOAL_MB)


def long_run(place: Path, count: int) -> Path:
    """A folder that says it is done, with so many rollouts."""
    run = place / "run"
    words = ["train", "secret", "N=64", "n_batches=2", f"group_size={GROUP}", f"run_dir={run}", "--quiet"]
    subprocess.run([sys.executable, "-m", "straw", *words], check=True, stdout=subprocess.DEVNULL)
    first, *_, row = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    records = [json.loads(line) for line in (run / "rollouts.jsonl").read_text().splitlines()][:GROUP]
    random = Random(0)
    with (run / "metrics.jsonl").open("w") as metrics, (run / "rollouts.jsonl").open("w") as rollouts:
        metrics.write(line({**first, "step": 0, "episodes": 0}))
        for step in range(1, count // GROUP + 1):
            measured = row if step % 10 == 0 else {k: v for k, v in row.items() if k not in MEASURED}
            metrics.write(line({**moved(measured, random), "step": step, "episodes": GROUP * step}))
            rollouts.writelines(line({**record, "step": step, "reward": random.random()}) for record in records)
    return run


MEASURED = ("bits_known", "p_secret", "valid_mass")  # not at every step


def moved(row: dict[str, Any], random: Random) -> dict[str, Any]:
    return {name: value * (0.5 + random.random()) if isinstance(value, float) else value for name, value in row.items()}


def line(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"


def cost(words: list[str]) -> tuple[float, float]:
    """Megabytes at the peak and CPU seconds of a command of straw."""
    child = subprocess.Popen([sys.executable, "-m", "straw", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"straw {' '.join(words)} ended with {child.returncode}")
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
