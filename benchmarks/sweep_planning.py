"""What planning a sweep of thousands of runs takes: CPU seconds of this process, torch's import apart.

    OMP_NUM_THREADS=1 python benchmarks/sweep_planning.py              2 conditions x 5,000 seeds; goal 2 s
    OMP_NUM_THREADS=1 python benchmarks/sweep_planning.py --seeds 500

Reading the page, planning every run, and handing the plans to another process as they are handed on in a sweep.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
import time
from pathlib import Path

GOAL_S = 2.0
PAGE = """
seeds = "0-{last}"
[base]
N = 64
[[condition]]
name = "binary"
reward_type = "binary"
[[condition]]
name = "8 bins"
reward_type = "binned_log_distance"
"""


class Silent:
    """A watcher that nobody tells anything."""

    def say(self, line: str) -> None: ...
    def begin(self, plan: object, folder: object) -> None: ...
    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5_000)
    asked = parser.parse_args()
    start = time.process_time()
    import torch  # noqa: F401  # whose import is no matter of planning

    torch_s = time.process_time() - start
    from straw.runs.sweeps.page import read_sweep
    from straw.training.sweep import plan_sweep

    imported_s = time.process_time() - start - torch_s
    with tempfile.TemporaryDirectory() as place:
        page = Path(place, "page.toml")
        page.write_text(PAGE.format(last=asked.seeds - 1))
        begun = time.process_time()
        plans = plan_sweep(read_sweep(page, {}, Path(place, "sweep")), Silent())
        planned_s = time.process_time() - begun
    begun = time.process_time()
    handed = pickle.loads(pickle.dumps(plans))
    handed_s = time.process_time() - begun
    count = sum(len(judged) for _, judged, _ in handed)
    parts = f"torch {torch_s:.2f}, straw {imported_s:.2f}, planned {planned_s:.2f}, handed on {handed_s:.2f}"
    print(f"{count:,} runs: {parts} CPU-seconds; goal {GOAL_S:.0f} for the last three")
    return int(imported_s + planned_s + handed_s > GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
