"""Episodes that a learner takes for 0.9 of the bits, over channels and N, on secrets that nobody tuned with.

    python benchmarks/wide_channels.py regress                    8 bins and log distance, N from 16 to 4,096
    python benchmarks/wide_channels.py reinforce --N 1024 --runs 8 --most 600
    python benchmarks/wide_channels.py regress --N 1024 --channels bins8 --secrets 700 spelling=tagged

One set of options for all; `settled` counts runs that came to give the secret more than 0.9. A run that never knew
counts as more than --most in the median. Each has a secret, a spelling and draws of its own, by --secrets and its
number.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

import straw
from straw.measure.shares import share_interval

CHANNELS: dict[str, dict[str, Any]] = {
    "bins8": {"reward_type": "binned_log_distance", "reward_bins": 8},
    "log_distance": {"reward_type": "log_distance"},
    "binary": {"reward_type": "binary"},
}
GROUP = 4


def played(algorithm: str, N: int, channel: str, number: int, most: int, more: dict[str, Any]) -> tuple[float, bool]:
    """Episodes until 0.9 of the bits, or infinity; and whether the secret came to be likelier than 0.9."""
    with TemporaryDirectory() as folder:
        options = {**CHANNELS[channel], "N": N, "secret_seed": number, "seed": number, "algorithm": algorithm, **more}
        run = straw.train(
            "secret", run_dir=str(Path(folder) / "run"), n_batches=most // GROUP, eval_every=1, stop_at=0.98,
            save_every=0, keep_weights=False, quiet=True, **options,
        )  # fmt: skip
        rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    bits = [(GROUP * row["step"], row["bits_known"] / all_bits(N)) for row in rows if "bits_known" in row]
    first = next((episodes for episodes, share in bits if share >= 0.9), float("inf"))
    return float(first), any(2 ** ((share - 1) * all_bits(N)) > 0.9 for _, share in bits)


def all_bits(N: int) -> float:
    return math.log2(N)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("algorithm")
    parser.add_argument("more", nargs="*", default=[], help="options of the page, key=value")
    parser.add_argument("--N", type=int, nargs="+", default=[16, 64, 256, 1024, 4096])
    parser.add_argument("--channels", nargs="+", default=["bins8", "log_distance"], choices=[*CHANNELS])
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--most", type=int, default=400, help="episodes")
    parser.add_argument("--secrets", type=int, default=7_000, help="where their seeds begin")
    asked = parser.parse_args()
    table = Table("channel", "N", "episodes: median", "mean of those", "knew", "settled", "of", "CPU s a run")
    more = dict(word.split("=", 1) for word in asked.more)
    for channel in asked.channels:
        for N in asked.N:
            begun = time.process_time()
            numbers = range(asked.secrets, asked.secrets + asked.runs)
            found = [
                played(asked.algorithm, N, channel, number, asked.most, more)
                for number in track(numbers, description=f"{channel}, N={N:,}", console=Console(stderr=True))
            ]
            cpu_s = (time.process_time() - begun) / len(found)
            table.add_row(channel, f"{N:,}", *told(found, asked.most), f"{cpu_s:.1f}")
    Console().print(table)


def told(found: list[tuple[float, bool]], most: int) -> list[str]:
    episodes = sorted(one for one, _ in found)
    middle = episodes[(len(episodes) - 1) // 2]  # the lower median, so that no run that never knew is averaged
    known = [one for one in episodes if one < float("inf")]
    settled = sum(is_settled for _, is_settled in found)
    low, high = share_interval(settled, len(found))
    return [
        f"{middle:g}" if middle < float("inf") else f"> {most}", f"{mean(known):.0f}" if known else "-",
        str(len(known)), f"{settled} ({low:.2f} to {high:.2f})", str(len(found)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
