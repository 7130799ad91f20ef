"""Is a memory good for anything? Arms on equal episodes and equal tuning, as notebook/memory-test.md says beforehand.

    python benchmarks/memory_test.py                     whatever is missing, then tables and pictures
    python benchmarks/memory_test.py table-a table-b     two settings of four
    python benchmarks/memory_test.py b --seeds 4         its first four seeds
    python benchmarks/memory_test.py --without knn       all other arms; what is slow can come last
    python benchmarks/memory_test.py --tables            tables and pictures of what is there
    python benchmarks/memory_test.py --spread            what MiniLM tells apart: right answers and wrong ones

Each run leaves its numbers in runs/memory-test/SETTING/ARM-COEFFICIENT-seed-N.json, and is not done again. Each arm's
three coefficients are tried on the tuning seeds; the one with the best mean of the two measures is judged on the other
seeds: all arms of a seed before the next, so that whatever is there compares like with like. One process, one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import memory_tabular
from memory_arms import ARMS, Arm
from memory_settings import SETTINGS, Found, Setting
from memory_tables import Runs, show

TUNING = (100, 101, 102, 103)
OUT = Path("runs") / "memory-test"


def path_of(out: Path, setting: Setting, arm: Arm, coefficient: float, seed: int) -> Path:
    name = arm.name.replace("+", "-plus").replace(",", "").replace(" ", "-")
    return out / setting.name / f"{name}-{coefficient:g}-seed-{seed}.json"


def done(out: Path, setting: Setting, arm: Arm, coefficient: float, rate: float, seed: int) -> Found:
    """What a run measures; it is done first where it is missing."""
    path = path_of(out, setting, arm, coefficient, seed)
    if path.is_file():
        read: Found = json.loads(path.read_text())
        return read
    began = time.process_time()
    found = setting.play({"learning_rate": rate, **arm.at(coefficient)}, seed, path.with_suffix(""))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
    told = ", ".join(f"{name} {found[name]:.3f}" for name in setting.measures)
    print(f"{setting.name} {path.stem}: {told}, {time.process_time() - began:.1f} CPU-s", flush=True)
    return found


def tuned(out: Path, setting: Setting, without: Sequence[str]) -> dict[str, float]:
    """Each arm's coefficient. The learning rate of `none` is everybody's."""
    if setting.tuned_on:
        return tuned(out, SETTINGS[setting.tuned_on], without)
    none, *others = arms_of(setting, without)
    rate = best(out, setting, none, 0.0)
    return {none.name: rate} | {arm.name: best(out, setting, arm, rate) for arm in others}


def arms_of(setting: Setting, without: Sequence[str]) -> list[Arm]:
    return [arm for arm in ARMS if setting.has(arm) and arm.name not in without]


def best(out: Path, setting: Setting, arm: Arm, rate: float) -> float:
    """The coefficient with the highest mean of both measures over the tuning seeds; the smallest of equals."""

    def mean(one: float) -> float:
        trials = [done(out, setting, arm, one, rate, seed) for seed in TUNING]
        return round(fmean(found[name] for found in trials for name in setting.measures), 9)

    return max(arm.grid, key=lambda one: (mean(one), -one))


def judged(
    out: Path, setting: Setting, num_seeds: int, without: Sequence[str]
) -> Iterator[tuple[str, float, int, Found]]:
    """All arms of a seed before the next: arm, coefficient, seed, what was found."""
    coefficients = tuned(out, setting, without)
    rate = setting.rate or coefficients["none"]
    for seed in range(num_seeds):
        for arm in arms_of(setting, without):
            one = rate if arm.name == "none" else coefficients[arm.name]
            yield arm.name, one, seed, done(out, setting, arm, one, rate, seed)


def there(out: Path, setting: Setting, num_seeds: int, without: Sequence[str]) -> Runs:
    """By arm its coefficient and what is there by seed."""
    found: dict[str, tuple[float, dict[int, Found]]] = {}
    coefficients = tuned(out, setting, without)
    for arm in arms_of(setting, without):
        one = setting.rate if setting.rate and arm.name == "none" else coefficients.get(arm.name, 0.0)
        paths = {seed: path_of(out, setting, arm, one, seed) for seed in range(num_seeds)}
        runs = {seed: json.loads(path.read_text()) for seed, path in paths.items() if path.is_file()}
        if runs:
            found[arm.name] = one, runs
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", help=f"of {', '.join(SETTINGS)}; none: all for a laptop")
    parser.add_argument("--seeds", type=int, help="how many are judged")
    parser.add_argument("--without", nargs="*", default=[], metavar="ARM", help="arms that are not run or shown")
    parser.add_argument("--tables", action="store_true", help="of what is there; nothing is judged")
    parser.add_argument("--spread", action="store_true", help="mean cosine distances of answers, and nothing else")
    parser.add_argument("--out", type=Path, default=OUT, help="where the runs stand")
    said = parser.parse_args()
    if unknown := set(said.settings) - SETTINGS.keys():
        parser.error(f"there is no setting {', '.join(sorted(unknown))}: choose of {', '.join(SETTINGS)}")
    if "none" in said.without:
        parser.error("none is what the others are compared with: leave another arm out")
    if said.spread:
        for name, problems in (("table-a", memory_tabular.countdown(0)), ("table-b", memory_tabular.doors(0))):
            print(name, {pair: round(value, 4) for pair, value in memory_tabular.spread(problems).items()})
        return
    laptop = [name for name, setting in SETTINGS.items() if setting.is_small]
    chosen = [SETTINGS[name] for name in said.settings or laptop]
    for setting in chosen:
        if not said.tables:
            for _ in judged(said.out, setting, said.seeds or setting.seeds, said.without):
                pass
        if runs := there(said.out, setting, said.seeds or setting.seeds, said.without):
            show(setting, runs, said.out)


if __name__ == "__main__":
    main()
