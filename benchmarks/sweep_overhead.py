"""What a sweep costs beyond its runs: CPU seconds of all its processes, beside those of the runs in them.

    python benchmarks/sweep_overhead.py                          about four minutes on two cores
    python benchmarks/sweep_overhead.py --page PAGE.toml --jobs 1 n_batches=50

    overhead = (CPU of everything - CPU of the runs) / CPU of the runs          at most 0.10

A run is counted from its first measurement to its end: what loads the model, reads the warm-up from the cache and
passes the gates is overhead here, as are importing torch, planning, watching, tables and the picture. The warm-ups
are made before, once, and their time is not counted on either side. Beside it stands what a process for each run
would cost, measured on one. Linux: the processes that a sweep leaves to end by themselves are waited for as well.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

PAGE = Path(__file__).parent.parent / "recipes" / "sweeps" / "bandwidth-small.toml"
BECOME_A_SUBREAPER = 36  # prctl: whoever is left behind by a child of ours becomes our child
MOST = 0.10


def main() -> int:
    arguments = parsed()
    ctypes.CDLL(None).prctl(BECOME_A_SUBREAPER, 1)
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("STRAW_HOME", f"{place}/home")
        sweep = ["sweep", str(arguments.page), *arguments.options]
        made_s = cpu_of([*sweep, f"out={place}/warm-ups", "n_batches=1"])
        out = arguments.out or Path(place, "sweep")
        all_s = cpu_of([*sweep, f"out={out}", "--jobs", str(arguments.jobs)])
        found = json.loads((out / "sweep.json").read_text())
        spent, name = found["this_time"], found["runs"][0]["run"]
        config = out / name / "config.toml"
        alone_s = cpu_of(["train", str(config), f"run_dir={place}/alone", "--quiet"])
    return report(spent, made_s, all_s, alone_s)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a new folder, to keep the sweep that is measured")
    parser.add_argument("options", nargs="*", help="options for every run, n_batches=50")
    return parser.parse_args()


def cpu_of(words: list[str]) -> float:
    """Of a command of straw and of every process that it began."""
    before = children_s()
    subprocess.run([sys.executable, "-m", "straw", *words], check=True, stdout=subprocess.DEVNULL)
    with suppress(ChildProcessError):
        while True:
            os.wait()  # for a server that notices later that it is alone
    return children_s() - before


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(spent: dict[str, float], made_s: float, all_s: float, alone_s: float) -> int:
    runs_s, jobs_s, count = spent["runs_cpu_s"], spent["jobs_cpu_s"], int(spent["runs"])
    overhead = (all_s - runs_s) / runs_s
    print(f"{count} runs in {spent['wall_s']:.0f} s; the warm-ups before them took {made_s:.0f} CPU-seconds")
    print(f"the runs themselves            {runs_s:8.1f} CPU-seconds")
    print(f"model, cached warm-up, gates   {jobs_s - runs_s:8.1f}, {(jobs_s - runs_s) / count:.2f} a run")
    print(f"everything else                {all_s - jobs_s:8.1f}, torch, planning, watching, picture")
    print(f"overhead                       {overhead:8.1%} of the runs, at most {MOST:.0%}")
    print(f"a process for the first run    {alone_s:8.1f}, with its own torch and picture")
    return 0 if overhead <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
