"""straw check: does a recipe still learn as it did?"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from straw.cli.words import counted, take_flag, take_option, wants_help
from straw.errors import ConfigError, RunError
from straw.report.curve import Curve
from straw.report.golden import Golden, golden_path, read_golden
from straw.report.terminal import print_curves
from straw.text.say import say, say_lines

CHECK = """straw check RECIPE.toml [key=value ...]
straw check --list [FOLDER]
straw check RECIPE.toml --make [--runs 16] [--metric bits_known] [--horizon EPISODES]

Run the beginning of a recipe on a few fresh secrets and say whether it learns as its golden curve says, which lies in
golden/RECIPE.json beside it. Exit status 0 inside the band, 1 outside. A sound learner falls outside in fewer than
one of a hundred checks (the exact figure is printed), whatever the noise; one that does not learn always does.

  straw check recipes/secret_binary.toml                       about a quarter of a minute
  straw check recipes/secret_binary.toml learning_rate=1e-4    would it still pass with this?
  straw check --list                                           the recipes here, and which have a golden curve

  --first SEED     the first seed of the fresh runs; without it the first that no golden run has
  --make           run the recipe in full on many seeds and write its golden curve anew; minutes
  --runs N         how many runs that takes
  --metric NAME    the metric of the curve, a column of metrics.jsonl
  --horizon N      the episodes that a check looks at; without it half of the run
"""
FRESH = 4
MOST = {"first": 2**63 - 2000, "runs": 10_000, "horizon": 10**12}


def check(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(CHECK)
        return 0 if words else 2
    if take_flag(words, "--list"):
        return list_recipes(Path(words[0]) if words else Path("recipes"))
    making = take_flag(words, "--make")
    counts = {name: whole(name, take_option(words, name)) for name in ("first", "runs", "horizon")}
    metric = take_option(words, "metric") or "bits_known"
    recipe, options = recipe_of(words)
    if making:
        return make(recipe, options, metric, counts["runs"] or 16, counts["horizon"])
    return compare(recipe, options, counts["first"])


def recipe_of(words: list[str]) -> tuple[Path, dict[str, str]]:
    from straw.config import parse_overrides

    if not words or not words[0].endswith(".toml"):
        raise ConfigError(f"straw check takes a recipe, got {' '.join(words[:1]) or 'none'}: see straw check --list")
    if not Path(words[0]).is_file():
        raise ConfigError(f"there is no recipe {words[0]}: see straw check --list")
    return Path(words[0]), parse_overrides(words[1:])


def whole(name: str, value: str | None) -> int | None:
    return None if value is None else counted(name, value, most=MOST[name])


def make(recipe: Path, options: dict[str, str], metric: str, count: int, horizon: int | None) -> int:
    """Write the golden curve of a recipe."""
    from straw.cli.check_runs import default_horizon, golden_of, run_seed
    from straw.config import load_page
    from straw.training.assemble import plan_of

    looked_at = horizon or default_horizon(plan_of(load_page(recipe, options)).page)
    runs = []
    for seed in range(count):
        runs.append(run_seed(recipe, options, seed, metric))
        say(f"seed {seed:<4} {metric} {runs[-1].curve.bits_known[-1]:.3f} at the end  {runs[-1].seconds:.1f} s")
    said = f"--make --runs {count} --metric {metric} --horizon {looked_at:.0f}"
    given = [f"{name}={value}" for name, value in options.items()]
    command = " ".join(["straw check", f"{recipe.resolve().parent.name}/{recipe.name}", said, *given])
    golden = golden_of(recipe, options, metric, range(count), runs, horizon=looked_at, fresh=FRESH, command=command)
    golden.save(golden_path(recipe))
    show(golden, [])
    say(f"{golden_path(recipe)}: {described(golden)}")
    return 0


def compare(recipe: Path, options: dict[str, str], first: int | None) -> int:
    """Fresh runs beside the golden curve."""
    golden = read_golden(golden_path(recipe))
    from straw.cli.check_runs import recipe_hash, run_seed

    if golden.recipe_hash != recipe_hash(recipe):
        raise RunError(
            f"{recipe} has changed since its golden curve was made: make it anew with straw check {recipe} --make"
        )
    begin = max(golden.seeds) + 1 if first is None else first
    curves, heights = [], []
    for seed in range(begin, begin + golden.fresh):
        ran = run_seed(recipe, {**golden.options, **options}, seed, golden.metric, golden.horizon)
        heights.append(float("-inf") if ran.complaint else golden.height(ran.curve))
        curves.append(ran.curve)
        say(f"seed {seed:<4} height {heights[-1]:6.2f}  {ran.seconds:.1f} s  {ran.complaint}".rstrip())
    show(golden, curves)
    return verdict(golden, heights)


def verdict(golden: Golden, heights: list[float]) -> int:
    low, high = golden.band
    side = golden.side(heights)
    listed = ", ".join(f"{height:.2f}" for height in heights)
    say(f"mean {golden.metric} over the first {golden.horizon:,.0f} episodes: {listed}; band {low:.2f} to {high:.2f}")
    chance = f"{golden.fails_soundly:.2%}"
    if side is None:
        say(
            f"inside: the {len(heights)} runs do not all lie beyond one end of the band "
            f"(a sound learner fails {chance} of checks)"
        )
        return 0
    say(f"OUTSIDE: all {len(heights)} runs lie {side} the band, which happens to a sound learner in {chance} of checks")
    return 1


def show(golden: Golden, fresh: list[Curve]) -> None:
    """The curve with its band, and the median of the fresh runs; as far as they went."""
    until = golden.horizon if fresh else golden.episodes[-1]
    lower, upper = golden.edges
    shown = [cut(golden.middle, until), cut(lower, until), cut(upper, until)]
    if fresh and all(len(curve.episodes) == len(fresh[0].episodes) for curve in fresh) and fresh[0].episodes:
        values = [median(column) for column in zip(*(curve.bits_known for curve in fresh), strict=True)]
        shown.append(Curve(f"now, median of {len(fresh)} runs", fresh[0].episodes, values))
    title = f"{golden.recipe}: {golden.metric.replace('_', ' ')} against episodes"
    print_curves(shown, ceiling_bits=golden.ceiling, title=title, unit=golden.unit)


def cut(curve: Curve, until: float) -> Curve:
    count = sum(episodes <= until for episodes in curve.episodes)
    return curve._replace(episodes=curve.episodes[:count], bits_known=curve.bits_known[:count])


def described(golden: Golden) -> str:
    low, high = golden.band
    return (
        f"{len(golden.seeds)} runs, mean {golden.metric} over {golden.horizon:,.0f} episodes {low:.2f} to {high:.2f}, "
        f"a sound check of {golden.fresh} runs fails {golden.fails_soundly:.2%}"
    )


def list_recipes(folder: Path) -> int:
    if not (recipes := sorted(folder.glob("*.toml"))):
        raise ConfigError(
            f"there are no recipes in {folder}: name the folder that holds them, straw check --list FOLDER"
        )
    width = max(len(str(recipe)) for recipe in recipes)
    for recipe in recipes:
        path = golden_path(recipe)
        say(f"{recipe!s:<{width}}  {described(read_golden(path)) if path.is_file() else 'no golden curve'}")
    return 0
