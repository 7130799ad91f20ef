"""Paid episodes to a held-out accuracy, where problems never come again: expert_iteration beside policy gradients.

    python benchmarks/many_problems.py                              all rows at both tasks, three seeds: half an hour
    python benchmarks/many_problems.py reverse_digits rloo --seeds 5
    python benchmarks/many_problems.py countdown expert_iteration candidates=0     an option more, for each row

    reverse_digits   the page recipes/reverse_digits.toml, 16 problems x 4 replies a step, until 0.70
    countdown        16 problems x 8 replies a step, until 0.40

maxrl takes no reward below 0, so it does not play the first.

Accuracy is that of sampled replies to the same 400 held-out problems, measured every 128 or 256 episodes; the first
measurement at the goal counts, and ends the run (`--whole`: not). Each policy gradient plays at two rates and stands by
the better one, expert iteration by its one default. A seed draws the replies; problems come in one order. The start is
the same for all.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

import straw

OURS = "expert_iteration"
GRADIENTS = ("reinforce_ema", "rloo", "grpo", "dapo", "maxrl")
RATES = (1.5e-4, 3e-4)  # at 6e-4 the first ones unlearn the form
NEW, OLD = 1_000, 3_840  # episodes at most: of ours and of a policy gradient


@dataclass(frozen=True)
class Task:
    page: str
    goal: float
    group_size: int
    without: tuple[str, ...] = ()  # rows that cannot learn it

    @property
    def step(self) -> int:
        """Episodes."""
        return 16 * self.group_size


TASKS = {
    "reverse_digits": Task(str(Path(__file__).parents[1] / "recipes" / "reverse_digits.toml"), 0.70, 4, ("maxrl",)),
    "countdown": Task("countdown", 0.40, 8),
}


@dataclass(frozen=True)
class Curve:
    points: list[tuple[int, float]]  # episodes, accuracy
    unpaid: float
    updates: float
    cpu_s: float

    def reaches(self, goal: float) -> float:
        return next((float(episodes) for episodes, accuracy in self.points if accuracy >= goal), math.inf)


def played(task: Task, row: str, rate: float | None, seed: int, more: dict[str, Any]) -> Curve:
    most, begun = NEW if row == OURS else OLD, time.process_time()
    rates: dict[str, Any] = {} if rate is None else {"learning_rate": rate}
    every = (128 if row == OURS else 256) // task.step
    with TemporaryDirectory() as folder:
        run = straw.train(
            task.page, run_dir=str(Path(folder) / "run"), algorithm=row, group_size=task.group_size, batch_size=16,
            n_batches=most // task.step, eval_every=max(1, every), eval_samples=400, task_seed=0, seed=seed,
            save_every=0, keep_weights=False, quiet=True, **{**rates, **more},
        )  # fmt: skip
        rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    points = [(row["episodes"], row["accuracy"]) for row in rows if "accuracy" in row]
    sums = {name: sum(row.get(name) or 0 for row in rows) for name in ("unpaid_draws", "updates")}
    return Curve(points, sums["unpaid_draws"], sums["updates"], time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="tasks, rows and options of the page; all tasks and rows by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="go on behind the goal")
    parser.add_argument("--first", type=int, default=100, help="the first seed (100)")
    asked = parser.parse_args()
    tasks = [word for word in asked.words if word in TASKS] or [*TASKS]
    more = dict(word.split("=", 1) for word in asked.words if "=" in word)
    rows = [word for word in asked.words if word not in TASKS and "=" not in word] or [OURS, *GRADIENTS]
    console = Console(width=130)
    for name in tasks:
        table = Table("row", "rate", "episodes to the goal", "of", "accuracy at the end", "unpaid", "updates", "CPU s")
        seeds = range(asked.first, asked.first + asked.seeds)
        table.title = f"{name}, goal {TASKS[name].goal}"
        for row in (row for row in rows if row not in TASKS[name].without):
            best = best_of(TASKS[name], row, seeds, more | ({} if asked.whole else {"stop_at": TASKS[name].goal}))
            table.add_row(*best)
            console.print(name, *best)
        console.print(table)


def best_of(task: Task, row: str, seeds: range, more: dict[str, Any]) -> list[str]:
    """A row of the table, by the rate with the fewest episodes in the median, then the highest accuracy."""
    rates = (None,) if row == OURS or "learning_rate" in more else RATES
    found = {rate: [played(task, row, rate, seed, more) for seed in seeds] for rate in rates}

    def merit(rate: float | None) -> tuple[float, float]:
        return median(one.reaches(task.goal) for one in found[rate]), -median(one.points[-1][1] for one in found[rate])

    rate = min(found, key=merit)
    curves = found[rate]
    reached, longest = sorted(one.reaches(task.goal) for one in curves), max(one.points[-1][0] for one in curves)
    return [
        row, "default" if rate is None else f"{rate:g}",
        " ".join(f"{one:g}" if one < math.inf else f"> {longest:,}" for one in reached),
        str(len(curves)), f"{median(one.points[-1][1] for one in curves):.3f} at {longest:,}",
        *(f"{median(getattr(one, name) for one in curves):,.0f}" for name in ("unpaid", "updates", "cpu_s")),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
