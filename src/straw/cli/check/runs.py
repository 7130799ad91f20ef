"""The runs behind a golden curve: one recipe, seed after seed, perhaps only its first episodes.

A seed sets both the secret and the randomness of training, so that runs are independent. A short form is the
beginning of a full run, not a shorter run: schedules do not notice. Runs go side by side, one to a core.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from statistics import median, pstdev
from tempfile import TemporaryDirectory
from typing import NamedTuple

from straw.config import Loaded, Page, load_page
from straw.config.load import read_toml
from straw.errors import ConfigError, StrawError, TrainingError
from straw.library.jobs.worker import Job
from straw.library.jobs.worker_pool import Room
from straw.report.curves.curve import Curve, metric_curve
from straw.report.golden.golden import Golden
from straw.runs.about import config_hash, cores, processor, versions
from straw.runs.reading import read_metrics
from straw.training.monitor.callbacks import Watcher
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import run_page

TOLD_APART = 2.0  # standard deviations of where runs begin
DO = "straw.cli.check.runs:do_seed"


class Onlooker:
    """Says nothing, tells that the run has begun (so that others may: its warm-up is there), and stops it in time."""

    def __init__(self, until: float, above: Watcher | None = None) -> None:
        self.until, self.above = until, above

    def say(self, line: str) -> None: ...

    def begin(self, plan: Plan, folder: Path) -> None:
        if self.above is not None:
            self.above.begin(plan, folder)

    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> bool:
        return row["episodes"] >= self.until


class Ran(NamedTuple):
    """A run's curve; `complaint` where it broke."""

    seed: int
    curve: Curve
    cpu_s: float
    complaint: str = ""


class Asked(NamedTuple):
    """One run to be made."""

    recipe: Path
    options: dict[str, str]
    seed: int
    metric: str
    until: float = inf


def run_seeds(
    recipe: Path, options: Mapping[str, str], seeds: Iterable[int], metric: str, until: float = inf, *,
    jobs: int | None = None,
) -> Iterator[Ran]:  # fmt: skip
    """As they come to their end."""
    asked = [Job(f"seed {seed}", DO, Asked(recipe, dict(options), seed, metric, until), "the same") for seed in seeds]
    with Room(cores() if jobs is None else jobs) as room:
        for result in room.run(asked, lambda *message: None):
            if result.error is not None:
                raise RuntimeError(result.trace) if result.trace else StrawError(f"{result.label}: {result.error}")
            yield result.value


def do_seed(asked: Asked, watcher: Watcher) -> Ran:
    return run_seed(asked.recipe, asked.options, asked.seed, asked.metric, asked.until, watcher)


def run_seed(
    recipe: Path, options: Mapping[str, str], seed: int, metric: str, until: float = inf, above: Watcher | None = None
) -> Ran:
    started, complaint = time.process_time(), ""
    with TemporaryDirectory() as place:
        folder = Path(place) / "run"
        loaded = seeded(recipe, {**options, "run_dir": str(folder)}, seed)
        try:
            run_page(loaded, Onlooker(until, above))
        except TrainingError as error:  # NaN, say: that is a result
            complaint = str(error)
        curve = metric_curve(read_metrics(folder), metric, f"seed {seed}") if folder.exists() else Curve("", (), ())
    if not curve.episodes and not complaint:
        raise ConfigError(f"the runs of {recipe} have no metric {metric!r}: choose one that their metrics.jsonl has")
    return Ran(seed, curve, time.process_time() - started, complaint)


def seeded(recipe: Path, options: Mapping[str, str], seed: int) -> Loaded:
    """Every run has seeds of its own, but for a secret or problems that the options name."""
    page = load_page(recipe, options).page
    seeds = (("seed", page.run), ("secret_seed", page.task), ("task_seed", page.task))
    names = [name for name, section in seeds if hasattr(section, name) and (name == "seed" or name not in options)]
    return load_page(recipe, {**options, **{name: str(seed) for name in names}})


def golden_of(
    recipe: Path, options: Mapping[str, str], metric: str, runs: Sequence[Ran], *, horizon: float, command: str
) -> Golden:
    """What full runs have shown, as a golden curve."""
    runs = sorted(runs, key=lambda ran: ran.seed)
    if broken := [run.complaint for run in runs if run.complaint]:
        raise TrainingError(f"a golden curve is made of sound runs; one of them broke: {broken[0]}")
    plan = plan_of(load_page(recipe, options))
    golden = Golden(
        recipe=recipe.name, options=dict(options), metric=metric, command=command,
        episodes=tuple(runs[0].curve.episodes), values=tuple(tuple(run.curve.bits_known) for run in runs),
        seeds=tuple(run.seed for run in runs), horizon=horizon, recipe_hash=recipe_hash(recipe),
        cpu_s=round(median(run.cpu_s for run in runs) * min(1.0, horizon / runs[0].curve.episodes[-1]), 2),
        unit="bits" if metric.startswith("bits") else "",
        ceiling=plan.ceiling_bits if metric == "bits_known" else None,
        versions=versions(), machine=processor(),
    )  # fmt: skip
    apart = pstdev(row[0] for row in golden.values)  # measured anew, a run that learns nothing seems to gain as much
    if not golden.least > max(0.0, TOLD_APART * apart):
        raise ConfigError(
            f"runs that learn nothing would not count as lost here: in {horizon:.0f} episodes the median run gains "
            f"{2 * golden.least:.2f}, and where they begin they differ by {apart:.2f}. Look at more than {horizon:.0f} "
            "episodes (--horizon), or make the recipe learn"
        )
    return golden


def default_horizon(page: Page) -> float:
    """Half of the episodes, up to a measured step."""
    every, steps = int(page.run.eval_every or 1), int(page.run.n_batches or 0)
    half = min(steps, -(-steps // (2 * every)) * every)
    return float(half * page.algorithm.group_size * page.algorithm.batch_size)


def recipe_hash(recipe: Path) -> str:
    """Of what it says itself, comments apart: defaults that change are what a check is for."""
    return config_hash(json.dumps(read_toml(recipe), sort_keys=True))
