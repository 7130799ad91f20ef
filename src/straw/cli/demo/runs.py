"""straw demo: five ways to be told a secret, measured side by side, each on several secrets.

    binary, 8 bins, log distance, dense per turn: policy gradient       SFT: the supervised anchor

Two processes work at a time where there are two cores, and each of the two warm-ups is made once. Each run is an
ordinary one with an ordinary folder; nothing here knows more than `straw train`. It is over when 0.9 of the bits are
known, or when the time that most secrets take has passed. Channels have seeds of their own: two that shared them would
make the same guesses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from math import ceil, log2
from pathlib import Path
from typing import Any

from straw.cli.demo.sentences import ENOUGH, HEADER, sentences, table, way_of
from straw.config import load_page
from straw.errors import ConfigError, StrawError
from straw.library.jobs.worker import Job
from straw.library.jobs.worker_pool import Room
from straw.library.live.board import LiveBoard
from straw.library.live.watcher import subtitle_of
from straw.report.curves.curve import curve_of, median_curve
from straw.report.curves.picture import draw_picture
from straw.report.curves.terminal import print_curves
from straw.runs.progress import end_table
from straw.runs.store import check_is_free, default_path
from straw.tasks.secret.numbers import SecretOptions
from straw.text.shown.say import say, say_lines
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of
from straw.training.sweep import start_of

SINGLE = {
    "binary": {"reward_type": "binary"},
    "8 bins": {"reward_type": "binned_log_distance", "reward_bins": "8"},
    "log distance": {"reward_type": "log_distance"},
    "SFT": {"algorithm": "sft"},
}
MULTI = {"dense": {"env_type": "multi_step"}}
WAYS = MULTI | SINGLE  # the slower warm-up first
FIXED = ("kind", "reward_type", "env_type", "algorithm", "run_dir", "seed", "secret_seed", "fixed_secret")
DO = "straw.training.sweep:do_run"
# Levels, distance and bits by turn learn sooner at twice the rate that is their default, and N = 64 bears it. SFT, the
# control, has the rate of right or wrong, so that being told is the only difference. What is learned in a few steps is
# measured after each. Turns take the longest warm-up, which all else waits for: its last sixth is spared.
OWN = {
    "binary": {"eval_every": "1"},
    "SFT": {"eval_every": "1", "learning_rate": "1.2e-3"},
    "dense": {"learning_rate": "3e-4", "warmup_distance": "0.025"},
    "8 bins": {"learning_rate": "4e-4"},
    "log distance": {"learning_rate": "4e-4"},
}
SECRETS = 6  # the fewest whose median has a 95% interval
STEPS_A_BIT = 10  # of a channel that tells more than right or wrong


def run_demo(out: Path | None, overrides: Mapping[str, str], num_secrets: int = SECRETS) -> Path:
    """Returns the folder that holds the runs and the picture."""
    for name in FIXED:
        if name in overrides:
            raise ConfigError(f"the demo sets {name} itself; for one run of your own: straw train secret {name}=...")
    folder = out or default_path("demo")
    check_is_free(folder)
    pages = {label: options_of(label, overrides) for label in WAYS}
    plans = {label: plan_of(load_page(None, page)) for label, page in pages.items()}  # refuses bad options at once
    started = time.monotonic()
    say_what_happens(plans["binary"], num_secrets)
    watch(jobs_of(folder, pages, plans, num_secrets))
    show(folder, plans, num_secrets, time.monotonic() - started)
    return folder


def options_of(label: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """A run is over when 0.9 of the bits are known, log2 N + log2 p(S) = 0.9 log2 N."""
    options = {"N": "64", "eval_every": "4", "save_every": "0", "keep_weights": "false"}
    options |= {**OWN.get(label, {}), **overrides, **WAYS[label]}
    task = load_page(None, options).page.task
    assert isinstance(task, SecretOptions)  # the demo's own
    N = task.N
    options.setdefault("stop_at", f"{ceil(1000 * N ** (ENOUGH - 1)) / 1000}")
    if label != "binary":  # right or wrong takes as long as luck wants
        options.setdefault("n_batches", str(max(1, round(STEPS_A_BIT * log2(N)))))
    return options


def jobs_of(
    folder: Path, pages: Mapping[str, dict[str, str]], plans: Mapping[str, Plan], num_secrets: int
) -> list[Job]:
    """The first secret of every channel, then the second, ...: the same secrets, and for each channel its own draws."""
    jobs = []
    for secret in range(num_secrets):
        for place, (label, page) in enumerate(pages.items()):
            seeds = {"secret_seed": str(secret), "seed": str(secret * len(pages) + place)}
            own = {**page, **seeds, "run_dir": str(folder_of(folder, label, secret))}
            jobs.append(Job(name_of(label, secret), DO, own, start_of(plans[label].page)))
    return jobs


def name_of(label: str, secret: int) -> str:
    return f"{label} {secret + 1}"


def folder_of(folder: Path, label: str, secret: int) -> Path:
    return folder / slug(label) / f"secret-{secret + 1}"


def slug(label: str) -> str:
    return label.replace(" ", "-").lower()


def say_what_happens(plan: Plan, num_secrets: int) -> None:
    bits = plan.ceiling_bits or 0.0
    N = round(2**bits)
    say_lines(
        f"A secret number in [0, {N}) is worth log2 {N} = {bits:.0f} bits. A model of 1M parameters first learns\n"
        "the format (warm-up), then it must find and memorise the secret through a reward: right or wrong (binary),\n"
        "how near in 8 steps (8 bins), how near (log distance), or which bits were right (dense). SFT is told it.\n"
        f"Each way is tried on {num_secrets} secrets. This takes one to two minutes; the warm-up is kept in the\n"
        "cache for the next time.\n"
    )


def watch(jobs: list[Job]) -> None:
    """Run them, two at a time where there are two cores, and show the board until all are done."""
    first = {name_of(label, 0) for label in WAYS}  # the others say the same
    with Room(min(2, os.cpu_count() or 1)) as room, LiveBoard([job.label for job in jobs]) as board:

        def on_event(label: str, what: str, value: Any) -> None:
            if what != "say" or label in first:
                board.on_event(label, what, value)

        for result in room.run(jobs, on_event):
            board.on_event(result.label, "end", "failed" if result.error else "done")
            if result.error is not None:
                raise RuntimeError(result.trace) if result.trace else StrawError(f"{result.label}: {result.error}")


def show(folder: Path, plans: Mapping[str, Plan], num_secrets: int, seconds: float) -> None:
    ceiling = plans["binary"].ceiling_bits or 0.0
    folders = {label: [folder_of(folder, label, secret) for secret in range(num_secrets)] for label in plans}
    runs = {
        label: [curve_of(one, label, dashed=plan.is_sft) for one in folders[label]] for label, plan in plans.items()
    }
    medians = [median_curve(curves) for curves in runs.values()]
    subtitle = f"{subtitle_of(plans['binary'])}; medians of {num_secrets} secrets, each run as a thin line"
    picture = draw_picture(
        medians, folder / "curves.png", ceiling_bits=ceiling, subtitle=subtitle,
        thin=[curve for curves in runs.values() for curve in curves],
    )  # fmt: skip
    print_curves(medians, ceiling_bits=ceiling, title=f"bits known against episodes, medians of {num_secrets} secrets")
    ways = [
        way_of(label, float(plan.page.optimizer.learning_rate or 0), folders[label], ceiling)
        for label, plan in plans.items()
    ]
    kind = "95% interval" if ways[0].until_known.is_sure else "range"
    title = f"{num_secrets} secrets a channel, medians with {kind}, {seconds:.0f} s"
    end_table(title, table(ways), header=HEADER, run_folder=folder)
    for sentence in sentences(ways):
        say(sentence)
    say(f"picture: {picture}")
