"""straw demo: five ways to be told a secret, measured side by side.

    binary, 8 bins, log distance, dense per turn: policy gradient       SFT: the supervised anchor

Two processes work at a time where there are two cores, and each of the two warm-ups is made once. Each run
is an ordinary one with an ordinary folder; nothing here knows more than `straw train`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from straw.cli.board import LiveBoard
from straw.cli.side_by_side import Room
from straw.cli.watch import subtitle_of
from straw.cli.worker import Job
from straw.config import load_page
from straw.errors import ConfigError, StrawError
from straw.report.curve import Curve, curve_of
from straw.report.picture import draw_picture
from straw.report.terminal import print_curves
from straw.runs.progress import end_table
from straw.runs.store import check_is_free, default_path
from straw.text.say import say, say_lines
from straw.training.assemble import Plan, plan_of
from straw.training.sweep import start_of

SINGLE = {
    "binary": {"reward_type": "binary"},
    "8 bins": {"reward_type": "binned_log_distance", "reward_bins": "8"},
    "log distance": {"reward_type": "log_distance"},
    "SFT": {"algorithm": "sft"},
}
MULTI = {"dense": {"env_type": "multi_step"}}
FIXED = ("reward_type", "env_type", "algorithm", "run_dir")
DO = "straw.training.sweep:do_run"


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
    watch([Job(label, DO, jobs[label], start_of(plans[label].page)) for label in MULTI | SINGLE])
    show(folder, plans, time.monotonic() - started)
    return folder


def slug(label: str) -> str:
    return label.replace(" ", "-").lower()


def say_what_happens(plan: Plan) -> None:
    bits = plan.ceiling_bits or 0.0
    N = round(2**bits)
    say_lines(
        f"A secret number in [0, {N}) is worth log2 {N} = {bits:.0f} bits. A model of 1M parameters first learns\n"
        "the format (warm-up), then it must find and memorise the secret through a reward: right or wrong (binary),\n"
        "how near in 8 steps (8 bins), how near (log distance), or which bits were right (dense). SFT is told it.\n"
        "This takes one to three minutes; the warm-up is kept in the cache for the next time.\n"
    )


def watch(jobs: list[Job]) -> None:
    """Run them, two at a time where there are two cores, and show the board until all are done."""
    with Room(min(2, os.cpu_count() or 1)) as room, LiveBoard([*SINGLE, *MULTI]) as board:
        for result in room.run(jobs, board.hear):
            if result.error is not None:
                raise RuntimeError(result.trace) if result.trace else StrawError(f"{result.label}: {result.error}")


def show(folder: Path, plans: Mapping[str, Plan], seconds: float) -> None:
    curves = [curve_of(folder / slug(label), label, dashed=plan.is_sft) for label, plan in plans.items()]
    ceiling = plans["binary"].ceiling_bits or 0.0
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
    say(f"picture: {picture}")


def reached(curve: Curve, bits: float) -> str:
    """The first measured count of episodes with so many bits."""
    return next(
        (f"{e:,.0f}" for e, b in zip(curve.episodes, curve.bits_known, strict=True) if b >= bits), "not reached"
    )
