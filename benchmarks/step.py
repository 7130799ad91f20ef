"""The parts of a step in CPU milliseconds at one thread, beside what they were and what they should be.

    OMP_NUM_THREADS=1 python benchmarks/step.py                    all of them; SmolLM2 where it is
    OMP_NUM_THREADS=1 python benchmarks/step.py secret --steps 100

    secret            N=64, random pay: an update every step and no measurement
    secret_measured   N=64, by distance: a penalty by KL, a replayed reply, and a measurement of 64 answers every step
    reverse_digits    64 attempts
    smollm2           adapters of rank 8

    sample         replies of a step, and of a measurement where that samples
    logprobs       what a measurement asks of the policy, and what replays are weighed by
    forward_backward, optim_step
    everything else, in the step or beside it: grading, ledger, files, alarms

Medians of the steps behind the first three. The engine's verbs are timed from outside; nothing is measured inside them.
What it was and the goals are of a processor that multiplies large matrices at 95 GFLOP/s; this one's rate is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from straw.config import load_page, parse_overrides
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.cache import cached_model
from straw.training.session import run_page

ROOT = Path(__file__).parents[1]
VERBS = ("sample", "logprobs", "forward_backward", "optim_step")
FIRST = 3  # steps that are not counted


@dataclass(frozen=True, slots=True)
class Job:
    page: str | None
    words: str
    steps: int
    before_ms: float | None = None
    goal_ms: float | None = None


JOBS = {
    "secret": Job("recipes/secret_binary.toml", "reward_type=random eval_every=100000", 60, 26, 17),
    "secret_measured": Job("recipes/secret_binary.toml", "reward_type=log_distance eval_every=1", 60),
    "reverse_digits": Job("recipes/reverse_digits.toml", "eval_every=1000 eval_samples=20", 12, 400, 280),
    "smollm2": Job(  # who regularises learns from every reply, whatever it was paid
        None, "N=64 model_name=smollm2 lora_rank=8 warmup=none entropy_coef=1e-6 eval_every=1000 eval_answers=16",
        8, 1116, 800,
    ),
}  # fmt: skip


@dataclass
class Clock:
    """A run's watcher; what the verbs took since the last step, by name."""

    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(VERBS, 0.0))
    steps: list[dict[str, float]] = field(default_factory=list)
    since: float = 0.0
    is_inside: bool = False  # one verb calls another

    def say(self, line: str) -> None: ...
    def begin(self, plan: Any, folder: Any) -> None: ...
    def look_at(self, facts: Any) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> bool:
        now = time.process_time()
        if step:
            self.steps.append({**self.spent, "step": now - self.since})
        self.spent, self.since = dict.fromkeys(VERBS, 0.0), now
        return False

    def timed(self, name: str, verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if self.is_inside:
                return verb(*given, **named)
            self.is_inside, start = True, time.process_time()
            try:
                return verb(*given, **named)
            finally:
                self.spent[name] += time.process_time() - start
                self.is_inside = False

        return call


def measured(job: Job, steps: int) -> dict[str, float]:
    clock, verbs = Clock(), {name: getattr(LocalEngine, name) for name in VERBS}
    for name, verb in verbs.items():
        setattr(LocalEngine, name, clock.timed(name, verb))
    try:
        with tempfile.TemporaryDirectory() as place:
            words = {**parse_overrides(job.words.split()), "n_batches": str(steps), "run_dir": f"{place}/run"}
            page = None if job.page is None else ROOT / job.page
            run_page(load_page(page, {**words, "save_every": "0"}), clock)
    finally:
        for name, verb in verbs.items():
            setattr(LocalEngine, name, verb)
    return {name: 1e3 * median(one[name] for one in clock.steps[FIRST:]) for name in clock.steps[0]}


def gflops(size: int = 1024, rounds: int = 10) -> float:
    a, b = torch.randn(2, size, size)
    a @ b
    began = time.process_time()
    for _ in range(rounds):
        a @ b
    return 2e-9 * size**3 * rounds / (time.process_time() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", help=", ".join(JOBS))
    parser.add_argument("--steps", type=int)
    asked = parser.parse_args()
    print(f"large matrices: {gflops():.0f} GFLOP/s")
    names = asked.jobs or [name for name in JOBS if name != "smollm2" or cached_model("smollm2")]
    print(f"{'':16}" + "".join(f"{name:>18}" for name in (*VERBS, "all else", "step", "before", "goal")))
    is_met = True
    for name in names:
        job = JOBS[name]
        found = measured(job, asked.steps or job.steps)
        rest = found["step"] - sum(found[verb] for verb in VERBS)
        columns = [*(found[verb] for verb in VERBS), rest, found["step"], job.before_ms, job.goal_ms]
        print(f"{name:16}" + "".join(f"{'' if value is None else f'{value:.1f}':>18}" for value in columns), flush=True)
        is_met &= job.goal_ms is None or found["step"] <= job.goal_ms
    return int(not is_met)


if __name__ == "__main__":
    sys.exit(main())
