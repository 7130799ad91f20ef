"""Where `memory_test.py` compares its arms: four problems to learn on a laptop, two of them without a network.

    table-a   64 countdown problems, 20 passes      softmax over all answers; with -centred, without z-scores
    table-b   16 doors that return, 40 passes       the same
    a         64 countdown problems, 20 passes      the embedded model, one start for all seeds
    b         16 doors that return, 40 passes       the embedded model, as an environment with a tool

The embedded model takes the coefficients that were found for its table: there an arm's trials cost seconds. Two more
settings, c and d, are SmolLM2's (`memory_smollm2`), and are run where they are named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import memory_tabular
from memory_arms import HERE, Arm, Options
from memory_smollm2 import PASSES, options_c, options_d
from memory_tabular import Credit
from memory_unjudged import is_largest

DOORS = "abcdefghijklmnop"
START = "start"
Found = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`play(options of an arm, seed, folder)` is a run: what it measured by name. The first two names are judged."""

    name: str
    question: str
    play: Callable[[Options, int, Path], Found]
    measures: tuple[str, str]
    seeds: int
    episodes: int
    tuned_on: str = ""  # another setting, whose coefficients are taken; none: its own trials
    rate: float = 0.0  # the learning rate, where it is not found by trials
    left_out: tuple[str, ...] = ()
    is_small: bool = True  # for a laptop

    def has(self, arm: Arm) -> bool:
        return arm.name not in self.left_out


# --- tables


def table_a(options: Options, seed: int, folder: Path) -> Found:
    return memory_tabular.played(memory_tabular.countdown(seed), {"group_size": 4, "n_batches": 20, **options}, seed)


def table_b(options: Options, seed: int, folder: Path) -> Found:
    return memory_tabular.played(memory_tabular.doors(seed), {"group_size": 8, "n_batches": 40, **options}, seed)


def undivided(play: Callable[[Options, int, Path], Found], options: Options, seed: int, folder: Path) -> Found:
    """Rewards less their group's mean, and not divided by their deviation: a weight stays what it is."""
    return play({**options, "baseline": "group"}, seed, folder)


# --- the embedded model

EVERYWHERE: Options = {
    "algorithm": "grpo", "kl_coef": 0.0, "schedule": "constant", "lr_warmup": 0.0, "save_every": 0,
    "keep_weights": False, "quiet": True, "dtype": "float32", "lora_rank": 0,
}  # fmt: skip
EASY: Options = {"prompt": "short", "numbers": "3", "max_number": 9, "max_target": 20, "operators": "+-"}


def embedded_a(options: Options, seed: int, folder: Path) -> Found:
    """A step is a pass. The start is one, the problems are a seed's own."""
    import straw

    run = straw.train(
        "countdown", model_name=str(start(folder.parent)), warmup="none", max_tokens=13, **EASY, **EVERYWHERE,
        task_seed=seed, seed=seed, only_first=64, batch_size=64, group_size=4, n_batches=20, eval_every=20,
        eval_samples=100, eval_replies=4, eval_temperature=1.0, run_dir=folder, resume=True, **spelled(options),
    )  # fmt: skip
    rows = rows_of(run)
    return {"held out, at the end": rows[-1]["accuracy"], "trained on, passes 19 and 20": mean(rows[-2:])} | doing(run)


def start(out: Path) -> Path:
    """The weights that every run of (a) begins with: 30% of problems, imitated, that no run has."""
    import straw

    if not (out / START).is_dir():
        run = straw.train(
            "countdown", model_name="tiny-0.2M", task_seed=900, seed=900, n_batches=1, batch_size=1, group_size=2,
            eval_samples=4, learning_rate=1e-12, quiet=True, run_dir=out / f"{START}-run",
        )  # fmt: skip
        run.export(out / START)
    return out / START


def embedded_b(options: Options, seed: int, folder: Path) -> Found:
    """An episode is one call. The doors' numbers are a seed's own."""
    import straw

    rows = folder.parent / f"doors-{seed}.jsonl"
    rows.parent.mkdir(parents=True, exist_ok=True)
    draw = Random(f"doors {seed}")
    doors = [{"prompt": [{"role": "user", "content": f"door {one}"}], "number": draw.randrange(100)} for one in DOORS]
    rows.write_text("".join(json.dumps(door) + "\n" for door in doors))
    run = straw.train(
        f"env:{HERE}/memory_doors.py:Doors", model_name="tiny-0.2M", path=str(rows), eval_path=str(rows), **EVERYWHERE,
        task_seed=0, seed=seed, batch_size=16, group_size=8, n_batches=40, max_turns=1, max_tokens=10, eval_every=40,
        eval_samples=16, run_dir=folder, resume=True, **spelled(options),
    )  # fmt: skip
    found = rows_of(run)
    return {"mean of all passes": mean(found), "opened, passes 36 to 40": mean(found[-5:])} | doing(run)


# --- SmolLM2


def real(options_of: Callable[[int], tuple[str, Options]], options: Options, seed: int, folder: Path) -> Found:
    """Who was right is read from the rollouts: in c no reward may know it."""
    import straw
    from straw.runs.reading import read_rollouts

    what, values = options_of(seed)
    run = straw.train(what, run_dir=folder, resume=True, **{**values, **spelled(options)})
    right = [is_largest(one) for one in read_rollouts(run.path)]
    last = right[-len(right) // PASSES :]
    return {"mean of all passes": sum(right) / len(right), "last pass": sum(last) / len(last)} | doing(run)


# --- all of them


def spelled(options: Options) -> Options:
    """As a run of straw has them."""
    if "cosine" not in options:
        return options
    rest = {name: value for name, value in options.items() if name != "cosine"}
    return {**rest, "reward_type": "weighted", "reward_weights": f"correctness=1,cosine={options['cosine']:g}"}


def rows_of(run: Any) -> Sequence[Mapping[str, float]]:
    from straw.runs.reading import read_metrics

    return read_metrics(run.path)


def mean(rows: Sequence[Mapping[str, float]]) -> float:
    """Of the share that was right, over steps."""
    found = [row["hits"] for row in rows if "hits" in row]
    return sum(found) / len(found)


def doing(run: Any) -> Found:
    """What of the advantages was the memory's doing, and the CPU-seconds."""
    from straw.algorithms.advantages import zscore
    from straw.runs.reading import read_done, read_rollouts

    credit, groups = Credit(), dict[tuple[int, str], list[tuple[float, bool]]]()
    for one in read_rollouts(run.path):
        told = (one["advantages"][0], all(one["grade"]["hits"]))
        groups.setdefault((one["step"], one["prompt"]), []).append(told)
    for group in groups.values():
        right = [hit for _, hit in group]
        credit.add([advantage for advantage, _ in group], zscore([float(hit) for hit in right]), right)
    return {**credit.shares(), "CPU-s": float((read_done(run.path) or {}).get("cpu_s", 0.0))}


SETTINGS = {
    one.name: one
    for one in (
        Setting(
            name="table-a", question="64 countdown problems, 20 passes, without a network", play=table_a,
            measures=("mean of all passes", "at the end"), seeds=32, episodes=64 * 4 * 20,
        ),
        Setting(
            name="table-b", question="16 doors that return, without a network", play=table_b,
            measures=("mean of all passes", "at the end"), seeds=32, episodes=16 * 8 * 40,
        ),
        Setting(
            name="table-a-centred", question="64 countdown problems, no network, centred without z-scores",
            play=partial(undivided, table_a), measures=("mean of all passes", "at the end"), seeds=32,
            episodes=64 * 4 * 20, left_out=("knn+ as published",),
        ),
        Setting(
            name="table-b-centred", question="16 doors that return, no network, centred without z-scores",
            play=partial(undivided, table_b), measures=("mean of all passes", "at the end"), seeds=32,
            episodes=16 * 8 * 40, left_out=("knn+ as published",),
        ),
        Setting(
            name="table-b-slow", question="16 doors that return, no network, a tenth of the rate", play=table_b,
            tuned_on="table-b", rate=3.0, measures=("mean of all passes", "at the end"), seeds=32,
            episodes=16 * 8 * 40,
        ),
        Setting(
            name="b", question="16 doors that return, embedded model", play=embedded_b, tuned_on="table-b", rate=1e-3,
            measures=("mean of all passes", "opened, passes 36 to 40"), seeds=16, episodes=16 * 8 * 40,
            left_out=("cosine",),
        ),
        Setting(
            name="a", question="64 countdown problems, 20 passes, embedded model", play=embedded_a, tuned_on="table-a",
            rate=1e-3, measures=("held out, at the end", "trained on, passes 19 and 20"), seeds=16,
            episodes=64 * 4 * 20,
        ),
        Setting(
            name="c", question="the largest of three without ground truth, SmolLM2", play=partial(real, options_c),
            tuned_on="table-a", rate=2e-5, measures=("mean of all passes", "last pass"), seeds=5, episodes=20 * 4 * 4,
            left_out=("cosine",), is_small=False,
        ),
        Setting(
            name="d", question="the largest of three, SmolLM2", play=partial(real, options_d), tuned_on="table-a",
            rate=2e-5, measures=("mean of all passes", "last pass"), seeds=5, episodes=20 * 4 * 4, is_small=False,
        ),
    )
}  # fmt: skip
