"""The share of a run's CPU-seconds that the ledger takes: what it is told, what it works out, what it asks the model.

    python benchmarks/ledger_cost.py                            six kinds of run, about four minutes
    python benchmarks/ledger_cost.py --rounds 1 N=4096          a run of your own, in the words of straw train

    hears     every rollout is entered: offered, usable, wasted, the observer's part       Ledger.enter
    says      a row of metrics, the state in a checkpoint                                 Ledger.row, Ledger.state_dict
    asks      what was absorbed, and how far the policy is from its start      absorbed_of, gold_bits, effort_of, KL

Real runs with the options that pages leave open as they are, seen by stopwatches around these calls. The share is of
the loop, so neither the warm-up nor the imports make it look smaller. A run of short replies and of many steps that
teach nothing is the dearest: there is the least beside the ledger. Rounds take turns, and the median is told.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from straw.config import load_page, parse_overrides
from straw.measure.ledger import absorbed
from straw.measure.ledger.ledger import Ledger
from straw.training.loop import Loop
from straw.training.monitor import measure_step as measured
from straw.training.plan import Plan
from straw.training.session import run_page

MOST = 0.03
PAGES = (
    "N=1024 reward_type=binary",
    "N=1024 reward_type=binned_log_distance reward_bins=8",
    "N=1024 reward_type=log_distance",
    "N=64 env_type=multi_step reward_type=dense credit=turn",
    "kind=reverse_digits n_batches=100",
    "kind=countdown n_batches=30 eval_every=30 group_size=8 batch_size=16 eval_samples=200 eval_replies=8",
)
WATCHED: dict[str, tuple[tuple[Any, str], ...]] = {
    "hears": ((Ledger, "enter"),),
    "says": ((Ledger, "row"), (Ledger, "state_dict")),
    "asks": (
        (measured, "absorbed_of"), (measured, "gold_bits"), (measured, "effort_of"), (absorbed, "answers_kl_bits"),
    ),
    "loop": ((Loop, "run"),),
}  # fmt: skip
Seconds = dict[str, float]


class Nobody:
    """Looks on, and says nothing."""

    def say(self, line: str) -> None: ...

    def begin(self, plan: Plan, folder: Path) -> None: ...

    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


def timed(work: Callable[..., Any], name: str, seconds: Seconds) -> Callable[..., Any]:
    @wraps(work)
    def watched(*args: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return work(*args, **options)
        finally:
            seconds[name] += time.process_time() - begun

    return watched


@contextmanager
def stopwatches() -> Iterator[Seconds]:
    seconds: Seconds = defaultdict(float)
    with ExitStack() as stack:
        for name, places in WATCHED.items():
            for owner, work in places:
                stack.enter_context(patch.object(owner, work, timed(getattr(owner, work), name, seconds)))
        yield seconds


def cost(words: str) -> tuple[int, Seconds]:
    """Steps, and CPU-seconds of the loop and of the ledger's parts of it."""
    with TemporaryDirectory() as folder, stopwatches() as seconds:
        page = load_page(None, parse_overrides(words.split()) | {"run_dir": f"{folder}/run"})
        return run_page(page, Nobody()).steps, seconds


def share(seconds: Seconds, *names: str) -> float:
    return sum(seconds[name] for name in names) / seconds["loop"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="options of one run; none: the six")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    pages = (" ".join(asked.words),) if asked.words else PAGES
    rounds = [{words: cost(words) for words in pages} for _ in range(asked.rounds)]
    table = Table("run", "steps", "loop", "hears", "says", "asks", "the ledger", "")
    totals = []
    for words in pages:
        steps, all_seconds = rounds[0][words][0], [one[words][1] for one in rounds]
        shares = sorted(share(one, "hears", "says", "asks") for one in all_seconds)
        totals.append(median(shares))
        table.add_row(
            words, str(steps), f"{median(one['loop'] for one in all_seconds):.1f} s",
            *(f"{median(share(one, name) for one in all_seconds):.2%}" for name in ("hears", "says", "asks")),
            f"{totals[-1]:.2%} ({shares[0]:.2%} to {shares[-1]:.2%})", "met" if totals[-1] < MOST else "MISSED",
        )  # fmt: skip
    console = Console(width=140, highlight=False)
    console.print(table)
    console.print(f"the dearest: {max(totals):.2%} of a run's CPU-seconds, less than {MOST:.0%} wanted")
    return 0 if max(totals) < MOST else 1


if __name__ == "__main__":
    sys.exit(main())
