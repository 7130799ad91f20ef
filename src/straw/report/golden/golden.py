"""Golden curves: what a recipe is expected to do, and whether it still does.

    height of a run     the mean of its metric over the first episodes, up to a horizon
    lost                a run that by the horizon has gained less than half of what the median golden run has,
                        each from where it began
    outside             more fresh runs are lost than bad luck explains                                 see `lost`
                        or the median fresh height lies beyond the j-th lowest or highest of the golden ones

The first finds a change that ruins some of the runs, the second one that slows or speeds all. No distribution is
assumed. As long as fresh and golden runs are of one kind every order of their heights is equally likely, so at least k
of m fresh ones lie below the j-th lowest of n golden ones with probability

    sum over x >= k of C(x + j - 1, x) C(m - x + n - j, n - j) / C(n + m, m)

and a sound check fails in fewer than 0.9% of cases: 0.8% for the first, and 0.05% for each end of the second.
A golden file names its metric; heights are as good for accuracy as they are for bits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import comb, isfinite
from pathlib import Path
from statistics import median
from typing import Any

from straw.config import TRUST
from straw.config.names import canonical
from straw.errors import ConfigError, RunError
from straw.measure.shares import share_interval
from straw.report.curves.curve import Curve
from straw.report.golden.lost import FEWEST, enough_fresh, finds, most_lost
from straw.runs.files.atomic_write import write_whole
from straw.runs.reading import read_json

MOST_OFTEN = 0.0005  # that the median of a sound check lies beyond an end of the band
FOLDER = "golden"


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The runs of one recipe, measured at the same episodes.

    Example, two runs of a recipe that learns a bit in ten episodes:
        Golden(recipe="r.toml", options={}, metric="bits_known", command="straw check r.toml --make", episodes=(0, 10),
               values=((0.0, 1.0), (0.0, 0.9)), seeds=(0, 1), horizon=10)
    """

    recipe: str
    options: dict[str, str]  # that were set beside the recipe's own
    metric: str
    command: str
    episodes: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]  # one row a run
    seeds: tuple[int, ...]
    horizon: float  # episodes that a check looks at
    recipe_hash: str = ""
    unit: str = "bits"
    ceiling: float | None = None
    cpu_s: float = 0.0  # of one run up to the horizon
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""

    def __post_init__(self) -> None:
        if not self.values or len(self.values) != len(self.seeds):
            raise ConfigError("a golden file has one row a seed: make it anew")
        if any(len(row) != len(self.episodes) for row in self.values):
            raise ConfigError("a golden file has one value a measured episode: make it anew")

    # --- the runs

    @property
    def curves(self) -> list[Curve]:
        return [Curve("", self.episodes, row) for row in self.values]

    @property
    def heights(self) -> list[float]:
        return [self.height(curve) for curve in self.curves]

    def height(self, curve: Curve) -> float:
        return height(curve, self.horizon)

    @property
    def middle(self) -> Curve:
        """The median: one run at -13 bits pulls a mean out of the band."""
        values = [median(column) for column in zip(*self.values, strict=True)]
        return Curve(f"expected, median of {len(self.seeds)} runs", self.episodes, values)

    # --- lost runs

    @cached_property
    def least(self) -> float:
        """Half of what the median run has gained by the horizon."""
        return median(gain(curve, self.horizon) for curve in self.curves) / 2

    def is_lost(self, curve: Curve) -> bool:
        return not gain(curve, self.horizon) >= self.least

    @cached_property
    def num_lost(self) -> int:
        """By bad luck: lock-in on a near miss, or a hit that came late."""
        return sum(map(self.is_lost, self.curves))

    @property
    def natural_rate(self) -> str:
        """6.2% (6 of 96, 95% interval 2.3% to 13.1%)"""
        low, high = share_interval(self.num_lost, len(self.values))
        share = self.num_lost / len(self.values)
        return f"{share:.1%} ({self.num_lost} of {len(self.values)}, 95% interval {low:.1%} to {high:.1%})"

    @cached_property
    def fresh(self) -> int:
        """Runs in a check."""
        return enough_fresh(len(self.values), self.num_lost) or FEWEST

    @property
    def is_enough(self) -> bool:
        """Whether a check of so many finds a change that ruins a quarter of the runs."""
        return enough_fresh(len(self.values), self.num_lost) is not None

    @property
    def most_lost(self) -> int:
        return most_lost(len(self.values), self.num_lost, self.fresh)

    @property
    def finds(self) -> float:
        """How often."""
        return finds(len(self.values), self.num_lost, self.fresh)

    # --- heights

    @cached_property
    def depth(self) -> int:
        """j: which golden run, counted from outside, ends the band; 0 where there are too few for one."""
        runs, half = len(self.values), self.fresh // 2 + 1
        return max((j for j in range(1, runs // 2 + 1) if below(runs, self.fresh, j, half) < MOST_OFTEN), default=0)

    @property
    def band(self) -> tuple[float, float]:
        """Of heights: where the median of a check lies."""
        return ends(self.heights, self.depth)

    @property
    def edges(self) -> tuple[Curve, Curve]:
        """The band at every measured episode, for the eye: a check is judged by its heights."""
        both = [ends(column, self.depth) for column in zip(*self.values, strict=True)]
        lower = Curve("band, lower end", self.episodes, [low for low, _ in both])
        return lower, Curve("band, upper end", self.episodes, [high for _, high in both])

    # --- a check

    def complaints(self, curves: Sequence[Curve], broken: int = 0) -> list[str]:
        """What is wrong with fresh runs; `broken` ones have no curve and are lost."""
        lost = sum(map(self.is_lost, curves)) + broken
        heights = [float("-inf")] * broken + [self.height(curve) for curve in curves]
        found = []
        if lost > self.most_lost:
            found.append(
                f"{lost} of {len(heights)} runs are lost, and {self.most_lost} are the most that luck explains"
            )
        low, high = self.band
        if (middle := median(heights)) < low or middle > high:
            side = "below" if middle < low else "above"
            found.append(f"the median height {middle:.2f} lies {side} the band, {low:.2f} to {high:.2f}")
        return found

    def save(self, path: Path) -> None:
        """One line a run, so that a change can be read."""
        facts = asdict(self) | {
            "median": [round(value, 4) for value in self.middle.bits_known],
            "low": [round(value, 4) for value in self.edges[0].bits_known],
            "high": [round(value, 4) for value in self.edges[1].bits_known],
            "band_of_heights": [round(value, 4) for value in self.band],
            "lost": self.num_lost, "fresh": self.fresh, "most_lost": self.most_lost, "finds": round(self.finds, 4),
        }  # fmt: skip
        facts["values"] = [[round(value, 4) for value in row] for row in self.values]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, spelled(facts))


DERIVED = (
    "mean", "median", "low", "high", "band_of_heights", "fails_soundly", "lost", "fresh", "most_lost", "finds",
)  # fmt: skip


def read_golden(path: Path) -> Golden:
    if (facts := read_json(path, follow=True)) is None:
        raise RunError(f"there is no golden curve at {path}: make it with straw check RECIPE --make")
    try:
        own: dict[str, Any] = {name: value for name, value in facts.items() if name not in DERIVED}
        own |= {name: tuple(own[name]) for name in ("episodes", "seeds")}
        own["options"] = {name: value for name, value in own["options"].items() if canonical(name) != TRUST}
        return Golden(**{**own, "values": tuple(map(tuple, own["values"]))})
    except (TypeError, KeyError, AttributeError, ConfigError) as error:
        raise RunError(f"the golden curve at {path} cannot be used ({error}): make it anew with --make") from error


def golden_path(recipe: Path) -> Path:
    """recipes/secret_binary.toml -> recipes/golden/secret_binary.json"""
    return recipe.parent / FOLDER / f"{recipe.stem}.json"


def below(golden: int, fresh: int, depth: int, count: int) -> float:
    """How likely at least `count` fresh heights lie below the depth-th lowest golden one, if all are of one kind.

    Before that one stand depth - 1 golden and x fresh ones in any order, behind it all others.
    """
    return sum(
        comb(x + depth - 1, x) * comb(fresh - x + golden - depth, golden - depth) for x in range(count, fresh + 1)
    ) / comb(golden + fresh, fresh)


def ends(values: Sequence[float], depth: int) -> tuple[float, float]:
    """The depth-th lowest and highest; everything lies between the ends of depth 0."""
    ordered = sorted(values)
    return (ordered[depth - 1], ordered[-depth]) if depth else (float("-inf"), float("inf"))


def at_end(curve: Curve, horizon: float) -> float:
    """The last measurement up to the horizon."""
    known = [value for episodes, value in zip(curve.episodes, curve.bits_known, strict=True) if episodes <= horizon]
    return known[-1] if known else float("nan")


def gain(curve: Curve, horizon: float) -> float:
    return at_end(curve, horizon) - (curve.bits_known[0] if curve.bits_known else float("nan"))


def height(curve: Curve, horizon: float) -> float:
    """The mean of the curve over the episodes 0 to `horizon`, cut there; what is no number counts as the least."""
    points = [point for point in zip(curve.episodes, curve.bits_known, strict=True) if point[0] <= horizon]
    if not points or not all(isfinite(value) for _, value in points):
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
