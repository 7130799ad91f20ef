"""Golden curves: what a recipe is expected to do, and whether it still does.

    height of a run     the mean of its metric over the first episodes, up to a horizon
    band                from the j-th lowest to the j-th highest height of n golden runs
    outside             all K fresh runs lie below the band, or all of them above it

No distribution is assumed. As long as fresh and golden runs are of one kind, every order of the n + K heights is
equally likely, so all K lie below the j-th lowest golden one with probability C(K+j-1, K) / C(n+K, K), and

    a sound check fails with probability  2 C(K+j-1, K) / C(n+K, K)        n=16, K=4, j=3: 30/4845 = 0.6%

j is the largest that keeps this below 1%: j - 1 golden runs that went wrong by bad luck do not widen the band.
A golden file names its metric; heights are as good for accuracy as they are for bits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import comb, isfinite
from pathlib import Path
from statistics import fmean, median
from typing import Any

from straw.config import TRUST
from straw.config.names import canonical
from straw.errors import ConfigError, RunError
from straw.report.curve import Curve
from straw.runs.reading import read_json
from straw.runs.whole import write_whole

MOST_OFTEN = 0.01  # that a sound check may fail
FOLDER = "golden"
MOST_FRESH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """The runs of one recipe, measured at the same episodes.

    Example, two runs of a recipe that learns a bit in ten episodes:
        Golden(recipe="r.toml", options={}, metric="bits_known", command="straw check r.toml --make", episodes=(0, 10),
               values=((0.0, 1.0), (0.0, 0.9)), seeds=(0, 1), horizon=10, fresh=4)
    """

    recipe: str
    options: dict[str, str]  # that were set beside the recipe's own
    metric: str
    command: str
    episodes: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]  # one row a run
    seeds: tuple[int, ...]
    horizon: float  # episodes that a check looks at
    fresh: int  # runs in a check
    recipe_hash: str = ""
    unit: str = "bits"
    ceiling: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""

    def __post_init__(self) -> None:
        if len(self.values) != len(self.seeds) or any(len(row) != len(self.episodes) for row in self.values):
            raise ConfigError("a golden file has one row a seed and one value a measured episode: make it anew")
        if self.depth < 1:
            raise ConfigError(
                f"{len(self.values)} golden runs beside {self.fresh} fresh ones cannot tell a broken learner from bad "
                f"luck at {MOST_OFTEN:.0%}: take more, --runs 16"
            )

    @property
    def depth(self) -> int:
        """j: which golden run, counted from outside, ends the band."""
        runs = len(self.values)
        return max((j for j in range(1, runs // 2 + 1) if fails_soundly(runs, self.fresh, j) < MOST_OFTEN), default=0)

    @property
    def fails_soundly(self) -> float:
        """How often a check of a sound learner fails."""
        return fails_soundly(len(self.values), self.fresh, self.depth)

    @property
    def heights(self) -> list[float]:
        return [self.height(Curve("", self.episodes, row)) for row in self.values]

    def height(self, curve: Curve) -> float:
        return height(curve, self.horizon)

    @property
    def band(self) -> tuple[float, float]:
        """Of heights."""
        return ends(self.heights, self.depth)

    @property
    def mean(self) -> list[float]:
        return [fmean(column) for column in zip(*self.values, strict=True)]

    @property
    def middle(self) -> Curve:
        """The median: one run at -13 bits pulls a mean out of the band."""
        values = [median(column) for column in zip(*self.values, strict=True)]
        return Curve(f"expected, median of {len(self.seeds)} runs", self.episodes, values)

    @property
    def edges(self) -> tuple[Curve, Curve]:
        """The band at every measured episode, for the eye: a check is judged by its heights."""
        both = [ends(column, self.depth) for column in zip(*self.values, strict=True)]
        lower = Curve("band, lower end", self.episodes, [low for low, _ in both])
        return lower, Curve("band, upper end", self.episodes, [high for _, high in both])

    def side(self, heights: Sequence[float]) -> str | None:
        """Where fresh runs lie: None inside, else "below" or "above" the band."""
        low, high = self.band
        if all(one < low for one in heights):
            return "below"
        return "above" if all(one > high for one in heights) else None

    def save(self, path: Path) -> None:
        """One line a run, so that a change can be read."""
        facts = asdict(self) | {
            "mean": [round(value, 4) for value in self.mean],
            "median": [round(value, 4) for value in self.middle.bits_known],
            "low": [round(value, 4) for value in self.edges[0].bits_known],
            "high": [round(value, 4) for value in self.edges[1].bits_known],
            "band_of_heights": [round(value, 4) for value in self.band],
            "fails_soundly": round(self.fails_soundly, 5),
        }
        facts["values"] = [[round(value, 4) for value in row] for row in self.values]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, spelled(facts))


DERIVED = ("mean", "median", "low", "high", "band_of_heights", "fails_soundly")


def read_golden(path: Path) -> Golden:
    if (facts := read_json(path, follow=True)) is None:
        raise RunError(f"there is no golden curve at {path}: make it with straw check RECIPE --make")
    try:
        own: dict[str, Any] = {name: value for name, value in facts.items() if name not in DERIVED}
        own |= {name: tuple(own[name]) for name in ("episodes", "seeds")}
        own["options"] = {name: value for name, value in own["options"].items() if canonical(name) != TRUST}
        if not 1 <= own["fresh"] <= MOST_FRESH:
            raise ConfigError(f"it wants {own['fresh']} fresh runs, and at most {MOST_FRESH} are made")
        return Golden(**{**own, "values": tuple(map(tuple, own["values"]))})
    except (TypeError, KeyError, AttributeError, ConfigError) as error:
        raise RunError(f"the golden curve at {path} cannot be used ({error}): make it anew with --make") from error


def golden_path(recipe: Path) -> Path:
    """recipes/secret_binary.toml -> recipes/golden/secret_binary.json"""
    return recipe.parent / FOLDER / f"{recipe.stem}.json"


def fails_soundly(golden: int, fresh: int, depth: int) -> float:
    return 2 * comb(fresh + depth - 1, fresh) / comb(golden + fresh, fresh)


def ends(values: Sequence[float], depth: int) -> tuple[float, float]:
    """The depth-th lowest and highest."""
    ordered = sorted(values)
    return ordered[depth - 1], ordered[-depth]


def height(curve: Curve, horizon: float) -> float:
    """The mean of the curve over the episodes 0 to `horizon`, cut there; what is no number counts as the least."""
    points = [point for point in zip(curve.episodes, curve.bits_known, strict=True) if point[0] <= horizon]
    if not all(isfinite(value) for _, value in points):
        return float("-inf")
    return Curve("", [episodes for episodes, _ in points], [value for _, value in points]).mean_bits(horizon)


def spelled(facts: dict[str, Any]) -> str:
    """JSON with one line an entry, and one a run."""
    lines = []
    for name, value in facts.items():
        text = json.dumps(value)
        if name == "values":
            text = "[\n    " + ",\n    ".join(json.dumps(row) for row in value) + "\n  ]"
        lines.append(f'  "{name}": {text}')
    return "{\n" + ",\n".join(lines) + "\n}\n"
