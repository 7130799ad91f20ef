"""straw demo: five ways to be told a secret, measured side by side.

    binary, 8 bins, log distance, dense per turn: policy gradient       SFT: the supervised anchor

The runs of one warm-up stay in one process, and two processes work at a time where there are two
cores. Each is an ordinary run with an ordinary folder; nothing here knows more than `straw train`.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from queue import Empty
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from straw.cli.watch import subtitle_of
from straw.config import load_page
from straw.errors import ConfigError, StrawError
from straw.report.curve import Curve, curve_of
from straw.report.picture import draw_picture
from straw.report.terminal import print_curves
from straw.runs.progress import end_table
from straw.runs.store import check_is_free, default_path
from straw.training.assemble import Plan, plan_of
from straw.training.session import run_page

SINGLE = {
    "binary": {"reward_type": "binary"},
    "8 bins": {"reward_type": "binned_log_distance", "reward_bins": "8"},
    "log distance": {"reward_type": "log_distance"},
    "SFT": {"algorithm": "sft"},
}
MULTI = {"dense": {"env_type": "multi_step"}}
FIXED = ("reward_type", "env_type", "algorithm", "run_dir")
Job = tuple[str, dict[str, str]]


@dataclass(slots=True)
class Messenger:
    """A run's watcher in a worker; what it sees goes home through a queue."""

    label: str
    queue: Any

    def say(self, line: str) -> None:
        self.queue.put((self.label, "say", line))

    def begin(self, plan: Plan, folder: Path) -> None:
        self.queue.put((self.label, "begin", int(plan.page.run.n_batches or 0)))

    def update(self, step: int, row: dict[str, float]) -> None:
        self.queue.put((self.label, "update", (step, row)))


def work(jobs: list[Job], queue: Any) -> None:
    """Run some pages one after the other."""
    for label, options in jobs:
        run_page(load_page(None, options), Messenger(label, queue))


@dataclass(slots=True)
class Board:
    """What is known of every run, as a table."""

    labels: list[str]
    state: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def take(self, label: str, what: str, value: Any) -> str | None:
        """Note a message; returns a line to print, if it is one."""
        if what == "say":
            self.state.setdefault(label, "warming up")
            return f"{label}: {value}"
        if what == "begin":
            self.totals[label] = value
        else:
            step, row = value
            self.rows[label] = {**self.rows.get(label, {}), **row}
            self.state[label] = "done" if step == self.totals.get(label) else f"step {step}/{self.totals.get(label)}"
        return None

    def table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("run", "state", "episodes", "episodes/s", "reward", "bits known", "p(S)"):
            table.add_column(column, justify="left" if column in ("run", "state") else "right")
        for label in self.labels:
            row = self.rows.get(label, {})
            rate = row["episodes"] / row["time_s"] if row.get("time_s") and row.get("episodes") else None
            table.add_row(
                label, self.state.get(label, "waiting"), shown(row.get("episodes"), ",.0f"), shown(rate, ",.0f"),
                shown(row.get("reward"), ".2f"), shown(row.get("bits_known"), ".2f"), shown(row.get("p_secret"), ".3f"),
            )  # fmt: skip
        return table


def shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def run_demo(out: Path | None, overrides: Mapping[str, str]) -> Path:
    """Returns the folder that holds the runs and the picture."""
    for name in FIXED:
        if name in overrides:
            raise ConfigError(f"the demo sets {name} itself; for one run of your own: straw train secret {name}=...")
    folder = out or default_path("demo")
    check_is_free(folder)
    options = {"N": "64", "eval_every": "2", **overrides}
    jobs = {label: {**options, **own, "run_dir": str(folder / slug(label))} for label, own in (SINGLE | MULTI).items()}
    plans = {label: plan_of(load_page(None, own)) for label, own in jobs.items()}  # refuses bad options at once
    started = time.monotonic()
    say_what_happens(plans["binary"])
    watch([[(label, jobs[label]) for label in MULTI], [(label, jobs[label]) for label in SINGLE]])
    show(folder, plans, time.monotonic() - started)
    return folder


def slug(label: str) -> str:
    return label.replace(" ", "-").lower()


def say_what_happens(plan: Plan) -> None:
    N = plan.task.space
    print(
        f"A secret number in [0, {N}) is worth log2 {N} = {log2(N):.0f} bits. A model of 1M parameters first learns\n"
        "the format (warm-up), then it must find and memorise the secret through a reward: right or wrong (binary),\n"
        "how near in 8 steps (8 bins), how near (log distance), or which bits were right (dense). SFT is told it.\n"
        "This takes one to three minutes; the warm-up is kept in the cache for the next time.\n"
    )


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that start clean; each uses one thread, so they do not fight for the cores."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def watch(bunches: list[list[Job]]) -> None:
    """Run the bunches, two at a time, and show the board until all are done."""
    board = Board([label for bunch in reversed(bunches) for label, _ in bunch])
    console = Console()
    with (
        multiprocessing.get_context("spawn").Manager() as manager,
        workers(min(len(bunches), os.cpu_count() or 1)) as pool,
    ):
        queue = manager.Queue()
        futures = [pool.submit(work, bunch, queue) for bunch in bunches]
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while not (finished := all(future.done() for future in futures)) or not queue.empty():
                drain(queue, board, live)
                live.update(board.table(), refresh=True)
                if any(future.done() and future.exception() for future in futures):
                    break
                if finished:
                    continue
        raise_first(futures)


def drain(queue: Any, board: Board, live: Live) -> None:
    """All that has arrived, waiting a little for the first."""
    try:
        message = queue.get(timeout=0.25)
        while True:
            line = board.take(*message)
            if line:
                live.console.print(Text(line), soft_wrap=True)
            message = queue.get_nowait()
    except Empty:
        return


def raise_first(futures: list[Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.cancel()
    for future in futures:
        if future.done() and (error := future.exception()):
            raise error if isinstance(error, StrawError) else RuntimeError("a run of the demo failed") from error


def show(folder: Path, plans: Mapping[str, Plan], seconds: float) -> None:
    curves = [curve_of(folder / slug(label), label, dashed=plan.is_sft) for label, plan in plans.items()]
    ceiling = log2(plans["binary"].task.space)
    picture = draw_picture(curves, folder / "curves.png", ceiling_bits=ceiling, subtitle=subtitle_of(plans["binary"]))
    print_curves(curves, ceiling_bits=ceiling, title="bits known against episodes")
    rows = [
        (curve.label, f"{curve.bits_known[-1]:.2f} of {ceiling:.2f}", reached(curve, 0.9 * ceiling)) for curve in curves
    ]
    end_table(
        f"one secret, one seed, {seconds:.0f} s",
        rows,
        header=("channel", "bits known", "episodes to 90%"),
        run_folder=folder,
    )
    print(f"picture: {picture}")


def reached(curve: Curve, bits: float) -> str:
    """The first measured count of episodes with so many bits."""
    return next(
        (f"{e:,.0f}" for e, b in zip(curve.episodes, curve.bits_known, strict=True) if b >= bits), "not reached"
    )
