"""straw check: does a recipe still learn as it did?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import straw
from straw.cli.arguments import counted, page_at, say_json, take_flag, take_option, wants_help
from straw.config.recipes import ENDING, RECIPES, recipe_named, shipped_folder
from straw.errors import ConfigError, RunError
from straw.report.curves.curve import Curve
from straw.report.curves.terminal import print_curves
from straw.report.golden.golden import Golden, golden_path, read_golden
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.cli.check.runs import Ran

CHECK = """straw check RECIPE.toml [key=value ...]
straw check --list [FOLDER] [--json]
straw check RECIPE.toml --make [--runs 96] [--metric bits_known] [--horizon EPISODES]

Run the beginning of a recipe on fresh secrets and say whether it learns as its golden curve says, which lies in
golden/RECIPE.json beside it. Exit status 0 inside, 1 outside: more runs are lost than bad luck explains, or the median
run is slower or faster than golden ones. As many runs as it takes to find a change that ruins a quarter of them in nine
checks of ten, nine at least; a sound learner falls outside in fewer than one of a hundred checks.

Each run has a seed, secret_seed and task_seed of its own. Name one of the last two and it is that of all: with
task_seed=0 they train on the same problems, and one warm-up serves them.

  straw check recipes/secret_binary.toml                       some minutes of CPU, on all cores
  straw check secret_binary                                    the same; a recipe that comes with straw needs no file
  straw check recipes/secret_binary.toml learning_rate=1e-4    would it still pass with this?
  straw check --list                                           the recipes here, and what their golden curves can tell

  --first SEED     the first seed of the fresh runs; without it the first that no golden run has
  --jobs N         so many runs at a time; without it as many as there are cores; 0: in this process
  --make           run the recipe in full on many seeds and write its golden curve anew; an hour of CPU. Exit status 1
                   where these were too few to find a ruined quarter later
  --runs N         how many runs that takes
  --metric NAME    the metric of the curve, a column of metrics.jsonl
  --horizon N      the episodes that a check looks at; without it half of the run
"""
RUNS = 96  # golden ones
MOST = {"first": 2**63 - 2000, "runs": 10_000, "horizon": 10**12, "jobs": 1024}


def check(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(CHECK)
        return 0 if words else 2
    if take_flag(words, "--list"):
        as_json = take_flag(words, "--json")
        here = Path(RECIPES) if Path(RECIPES).is_dir() else shipped_folder()
        return list_recipes(Path(words[0]) if words else here, as_json)
    making = take_flag(words, "--make")
    counts = {name: whole(name, take_option(words, name)) for name in ("first", "runs", "horizon", "jobs")}
    metric = take_option(words, "metric") or "bits_known"
    recipe, options = recipe_of(words)
    if making:
        check_is_own(recipe)
        return make(recipe, options, metric, counts["runs"] or RUNS, counts["horizon"], counts["jobs"])
    return compare(recipe, options, counts["first"], counts["jobs"])


def recipe_of(words: list[str]) -> tuple[Path, dict[str, str]]:
    from straw.config import parse_overrides

    if not words or not (words[0].endswith(ENDING) or recipe_named(words[0])):
        raise ConfigError(f"straw check takes a recipe, got {' '.join(words[:1]) or 'none'}: see straw check --list")
    if not (path := page_at(words[0])).is_file():
        raise ConfigError(f"there is no recipe {words[0]}: see straw check --list")
    return path, parse_overrides(words[1:])


def check_is_own(recipe: Path) -> None:
    """A golden curve is written beside its recipe; inside an installed straw it would be lost with it."""
    if recipe.is_relative_to(Path(straw.__file__).parent):
        raise ConfigError(
            f"{recipe} comes with straw, and its golden curve would be written beside it: copy the recipe here first"
        )


def whole(name: str, value: str | None) -> int | None:
    return None if value is None else counted(name, value, most=MOST[name])


def make(
    recipe: Path, options: dict[str, str], metric: str, count: int, horizon: int | None, jobs: int | None
) -> int:  # fmt: skip
    """Write the golden curve of a recipe."""
    from straw.cli.check.runs import default_horizon, golden_of, run_seeds
    from straw.config import load_page
    from straw.training.resolve.page_to_plan import plan_of

    looked_at = horizon or default_horizon(plan_of(load_page(recipe, options)).page)
    runs = []
    for ran in run_seeds(recipe, options, range(count), metric, jobs=jobs):
        runs.append(ran)
        end = f"{ran.curve.bits_known[-1]:.3f} at the end" if ran.curve.episodes else ran.complaint
        say(f"seed {ran.seed:<4} {metric} {end}  {ran.cpu_s:.1f} CPU-s")
    said = f"--make --runs {count} --metric {metric} --horizon {looked_at:.0f}"
    given = [f"{name}={value}" for name, value in options.items()]
    command = " ".join(["straw check", f"{recipe.resolve().parent.name}/{recipe.name}", said, *given])
    golden = golden_of(recipe, options, metric, runs, horizon=looked_at, command=command)
    golden.save(golden_path(recipe))
    show(golden, [])
    say(f"{golden_path(recipe)}: {described(golden)}")
    return 0 if golden.is_enough else 1


def compare(recipe: Path, options: dict[str, str], first: int | None, jobs: int | None) -> int:
    """Fresh runs beside the golden curve."""
    golden = read_golden(golden_path(recipe))
    from straw.cli.check.runs import recipe_hash, run_seeds

    if golden.recipe_hash != recipe_hash(recipe):
        raise RunError(
            f"{recipe} has changed since its golden curve was made: make it anew with straw check {recipe} --make"
        )
    say(f"{golden.recipe}: {golden.fresh} runs of {golden.horizon:,.0f} episodes; {described(golden)}")
    begin = max(golden.seeds) + 1 if first is None else first
    seeds = range(begin, begin + golden.fresh)
    runs = []
    for ran in run_seeds(recipe, {**golden.options, **options}, seeds, golden.metric, golden.horizon, jobs=jobs):
        runs.append(ran)
        say(line_of(golden, ran))
    curves = [ran.curve for ran in runs if not ran.complaint]
    show(golden, curves)
    return verdict(golden, curves, broken=len(runs) - len(curves))


def line_of(golden: Golden, ran: Ran) -> str:
    if ran.complaint:
        return f"seed {ran.seed:<4} lost: {ran.complaint}"
    lost = "  lost" if golden.is_lost(ran.curve) else ""
    end = ran.curve.bits_known[-1]
    return (
        f"seed {ran.seed:<4} height {golden.height(ran.curve):6.2f}  at the end {end:6.2f}  {ran.cpu_s:.1f} CPU-s{lost}"
    )


def verdict(golden: Golden, curves: Sequence[Curve], broken: int) -> int:
    lost = sum(map(golden.is_lost, curves)) + broken
    low, high = golden.band
    heights = [float("-inf")] * broken + [golden.height(curve) for curve in curves]
    say(f"lost: {lost} of {len(heights)} runs, by luck up to {golden.most_lost}; lost is {golden.metric} that "
          f"gained less than {golden.least:.2f} in {golden.horizon:,.0f} episodes")  # fmt: skip
    say(
        f"median of their mean {golden.metric} over these episodes: {median(heights):.2f}; band {low:.2f} to {high:.2f}"
    )
    found = golden.complaints(curves, broken)
    if not found:
        say(f"inside: {promise(golden)}")
        return 0
    say(f"OUTSIDE: {'; '.join(found)} (a sound learner is outside in fewer than 1% of checks)")
    return 1


def promise(golden: Golden) -> str:
    """What a check of so many runs can tell."""
    found = f"finds a change that ruins a quarter of the runs in {golden.finds:.0%} of cases"
    if golden.is_enough:
        return f"this {found}, and fails a sound learner in fewer than 1%"
    return f"this {found} only, for {len(golden.seeds)} golden runs are too few: make more with --make --runs {RUNS}"


def show(golden: Golden, fresh: list[Curve]) -> None:
    """The curve with its band, and the median of the fresh runs; as far as they went."""
    until = golden.horizon if fresh else golden.episodes[-1]
    shown = [cut(golden.middle, until)]
    if golden.depth:
        lower, upper = golden.edges
        shown += [cut(lower, until), cut(upper, until)]
    if fresh and all(len(curve.episodes) == len(fresh[0].episodes) for curve in fresh) and fresh[0].episodes:
        values = [median(column) for column in zip(*(curve.bits_known for curve in fresh), strict=True)]
        shown.append(Curve(f"now, median of {len(fresh)} runs", fresh[0].episodes, values))
    title = f"{golden.recipe}: {golden.metric.replace('_', ' ')} against episodes"
    print_curves(shown, ceiling_bits=golden.ceiling, title=title, unit=golden.unit)


def cut(curve: Curve, until: float) -> Curve:
    count = sum(episodes <= until for episodes in curve.episodes)
    return curve._replace(episodes=curve.episodes[:count], bits_known=curve.bits_known[:count])


def described(golden: Golden) -> str:
    """16 golden runs, lost by nature 6.2% (...); a check of 15 finds a quarter ruined in 92%"""
    enough = "" if golden.is_enough else " (too few golden runs: make more)"
    minutes = golden.fresh * golden.cpu_s / 60
    cost = f", {minutes:.1f} CPU-minutes" if minutes else ""
    return (
        f"{len(golden.seeds)} golden runs, lost by nature {golden.natural_rate}; a check of {golden.fresh} runs{cost} "
        f"finds a quarter ruined in {golden.finds:.0%}{enough}"
    )


def list_recipes(folder: Path, as_json: bool = False) -> int:
    if not (recipes := sorted(folder.glob("*.toml"))):
        raise ConfigError(
            f"there are no recipes in {folder}: name the folder that holds them, straw check --list FOLDER"
        )
    if as_json:
        say_json([plain(recipe) for recipe in recipes])
        return 0
    width = max(len(str(recipe)) for recipe in recipes)
    for recipe in recipes:
        path = golden_path(recipe)
        say(f"{recipe!s:<{width}}  {described(read_golden(path)) if path.is_file() else 'no golden curve'}")
    return 0


def plain(recipe: Path) -> dict[str, Any]:
    """What a golden curve can tell, as numbers; without one there are none."""
    path = golden_path(recipe)
    golden = read_golden(path) if path.is_file() else None
    if golden is None:
        return {"recipe": str(recipe), "golden": None}
    return {
        "recipe": str(recipe),
        "golden": str(path),
        "metric": golden.metric,
        "horizon": golden.horizon,
        "golden_runs": len(golden.seeds),
        "check_runs": golden.fresh,
        "finds": golden.finds,
        "is_enough": golden.is_enough,
        "cpu_minutes": golden.fresh * golden.cpu_s / 60,
    }
