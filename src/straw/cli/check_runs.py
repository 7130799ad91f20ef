"""The runs behind a golden curve: one recipe, seed after seed, perhaps only its first episodes.

A seed sets both the secret and the randomness of training, so that runs are independent. A short form is the
beginning of a full run, not a shorter run: schedules do not notice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from straw.config import Loaded, Page, load_page
from straw.config.load import read_toml
from straw.errors import ConfigError, TrainingError
from straw.report.curve import Curve, metric_curve
from straw.report.golden import Golden
from straw.runs.about import config_hash, processor, versions
from straw.runs.reading import read_metrics
from straw.training.assemble import Plan, plan_of
from straw.training.session import run_page


class Onlooker:
    """Says nothing, and stops a run at so many episodes."""

    def __init__(self, until: float) -> None:
        self.until = until

    def say(self, line: str) -> None: ...

    def begin(self, plan: Plan, folder: Path) -> None: ...

    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> bool:
        return row["episodes"] >= self.until


class Ran(NamedTuple):
    """A run's curve; `complaint` where it broke."""

    curve: Curve
    seconds: float
    complaint: str = ""


def run_seed(recipe: Path, options: Mapping[str, str], seed: int, metric: str, until: float = inf) -> Ran:
    started, complaint = time.monotonic(), ""
    with TemporaryDirectory() as place:
        folder = Path(place) / "run"
        loaded = seeded(recipe, {**options, "run_dir": str(folder)}, seed)
        try:
            run_page(loaded, Onlooker(until))
        except TrainingError as error:  # NaN, say: that is a result
            complaint = str(error)
        curve = metric_curve(read_metrics(folder), metric, f"seed {seed}") if folder.exists() else Curve("", (), ())
    if not curve.episodes and not complaint:
        raise ConfigError(f"the runs of {recipe} have no metric {metric!r}: choose one that their metrics.jsonl has")
    return Ran(curve, time.monotonic() - started, complaint)


def seeded(recipe: Path, options: Mapping[str, str], seed: int) -> Loaded:
    page = load_page(recipe, options).page
    seeds = (("seed", page.run), ("secret_seed", page.task), ("task_seed", page.task))
    names = [name for name, section in seeds if hasattr(section, name)]
    return load_page(recipe, {**options, **{name: str(seed) for name in names}})


def golden_of(
    recipe: Path, options: Mapping[str, str], metric: str, seeds: Sequence[int], runs: Sequence[Ran], *,
    horizon: float, fresh: int, command: str,
) -> Golden:  # fmt: skip
    """What full runs have shown, as a golden curve."""
    if broken := [run.complaint for run in runs if run.complaint]:
        raise TrainingError(f"a golden curve is made of sound runs; one of them broke: {broken[0]}")
    plan = plan_of(load_page(recipe, options))
    golden = Golden(
        recipe=recipe.name, options=dict(options), metric=metric, command=command,
        episodes=tuple(runs[0].curve.episodes), values=tuple(tuple(run.curve.bits_known) for run in runs),
        seeds=tuple(seeds), horizon=horizon, fresh=fresh, recipe_hash=recipe_hash(recipe),
        unit="bits" if metric.startswith("bits") else "",
        ceiling=plan.ceiling_bits if metric == "bits_known" else None,
        versions=versions(), machine=processor(),
    )  # fmt: skip
    idle, (low, high) = [row[0] for row in golden.values], golden.band
    if not (max(idle) < low or min(idle) > high):
        raise ConfigError(
            f"runs that learn nothing would lie inside this band, {low:.2f} to {high:.2f} (the start: up to "
            f"{max(idle):.2f}): "
            f"look at more than {horizon:.0f} episodes (--horizon), or make the recipe learn"
        )
    return golden


def default_horizon(page: Page) -> float:
    """Half of the episodes, up to a measured step."""
    every, steps = page.run.eval_every, int(page.run.n_batches or 0)
    half = min(steps, -(-steps // (2 * every)) * every)
    return float(half * page.algorithm.group_size * page.algorithm.batch_size)


def recipe_hash(recipe: Path) -> str:
    """Of what it says itself, comments apart: defaults that change are what a check is for."""
    return config_hash(json.dumps(read_toml(recipe), sort_keys=True))
