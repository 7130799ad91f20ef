"""The runs that a report is about: every run in the folders it was given, read once and kept small.

gathered([Path("runs/sweeps/bandwidth")])   ->   Gathered(runs, left_out)

Of the metrics only the columns are kept that a figure or a table needs. A folder that cannot be read, or whose config
was edited since the run began, is left out and named with the reason. A run that goes on is read as far as it has come.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from straw.config import FIRST_ALGORITHM, describe_options, plain
from straw.errors import RunError, StrawError
from straw.files import is_file
from straw.registry import is_installed
from straw.report.curves.curve import is_number
from straw.report.runs.listing import FILES, doubt, run_folders, run_named
from straw.report.runs.options_diff import ceiling_bits, flat
from straw.report.runs.summary import OF_TOOLS
from straw.runs.metric_rows import column, full_column
from straw.runs.reading import METRICS, read_about, read_config, read_done, read_json, read_metrics, state_of

Array = NDArray[np.float64]
LEDGER = (
    "capacity_bits", "offered_bits", "usable_bits", "wasted_bits", "received_bits", "absorbed_bits",
    "absorbed_normalised_bits", "kl_from_start_bits", "pass_bits", "gold_bits",
)  # fmt: skip
WORK = ("updates", "unpaid_draws")  # of each step
COLUMNS = (
    "bits_known",
    "p_secret",
    "hits",
    "reward",
    "accuracy",
    *OF_TOOLS.values(),
    *WORK,
    *(f"ledger/{name}" for name in LEDGER),
)
COUNTED = ("N", "learning_rate", "lora_rank", "num_secrets", "reward_bins", "stop_at")  # options that are numbers
MOST_EPISODES = 10**12
TRIALS = "tune"  # a sweep's folder of runs that found its learning rates


class Column(NamedTuple):
    """A metric where it was measured, against episodes."""

    episodes: Array
    values: Array

    @property
    def last(self) -> float | None:
        return float(self.values[-1]) if len(self.values) else None


NOTHING = Column(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One run, as much of it as a report needs."""

    name: str
    folder: Path
    state: str
    options: Mapping[str, str]  # every option, as on a command line
    config: Mapping[str, Any]
    ceiling_bits: float | None
    episodes: int  # so far
    step: int
    columns: Mapping[str, Column]
    command: Sequence[str]
    cpu_s: float | None
    is_trial: bool = False
    condition: str = ""  # what its sweep calls it

    def column(self, name: str) -> Column:
        return self.columns.get(name, NOTHING)

    @property
    def knew_enough(self) -> bool:
        """Whether it is over because of stop_at: nobody looked at what came behind."""
        told = self.options.get("stop_at", "none")
        reached = self.column("p_secret" if self.ceiling_bits is not None else "accuracy").last
        return told != "none" and reached is not None and reached >= float(told)

    @property
    def rate(self) -> float:
        """0 where a page left it open, which no run does that really ran."""
        told = self.options.get("learning_rate", "none")
        return 0.0 if told == "none" else float(told)

    @property
    def N(self) -> int | None:
        """Only where bits can be known: N says nothing about other tasks."""
        return int(self.options["N"]) if self.ceiling_bits is not None and "N" in self.options else None

    @property
    def is_sft(self) -> bool:
        return self.options.get("algorithm") == "sft"

    @property
    def secret(self) -> str:
        """What tells the secret of this run from those of other runs of its condition."""
        fixed = self.options.get("fixed_secret", "none")
        return (
            f"secret {fixed}" if fixed != "none" else self.options.get("secret_seed", self.options.get("task_seed", ""))
        )

    @property
    def seed(self) -> str:
        return self.options.get("seed", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    runs: Sequence[Seen]
    left_out: Sequence[tuple[str, str]]  # (run, why)


def gathered(roots: Sequence[Path]) -> Gathered:
    """Every run once, in the order of the folders' names."""
    folders = dict.fromkeys(folder for root in roots for folder in folders_at(root))
    if not folders:
        raise RunError(f"a report is about runs, and there is none under {', '.join(map(str, roots))}: name others")
    runs, left_out = [], []
    for folder, name in zip(folders, names_of(list(folders)), strict=True):
        try:
            runs.append(seen(folder, name))
        except Exception as problem:  # whatever stands in one folder, the others are reported
            left_out.append((name, str(problem) if isinstance(problem, StrawError) else f"no run's files: {problem!r}"))
    return Gathered(runs=runs, left_out=left_out)


def folders_at(root: Path) -> list[Path]:
    """Runs at or below a path; a name below runs/ is enough for a single one."""
    if root.is_dir():
        return [folder.resolve() for folder in sorted(run_folders(root))]
    return [run_named(str(root)).resolve()]


def names_of(folders: Sequence[Path]) -> list[str]:
    """The paths below what all of them share; a run alone has its folder's name."""
    parents = [folder.parents for folder in folders]
    shared = next(one for one in parents[0] if all(one in others for others in parents))
    return [folder.relative_to(shared).as_posix() for folder in folders]


def seen(folder: Path, name: str) -> Seen:
    config = read_config(folder)
    if (why := doubt(folder)) and "edited" in why:
        raise RunError(f"{why}, so nobody can tell what it was told")
    if not is_file(folder / METRICS):
        raise RunError(f"{METRICS} missing" if any(is_file(folder / file) for file in FILES) else "no run")
    options, rows = with_defaults(flat(config)), read_metrics(folder, (*COLUMNS, "episodes", "step"))
    check_numbers(options, rows)
    about, columns = read_about(folder), columns_of(rows)
    ceiling = ceiling_bits(config, about)
    if ceiling is None and "bits_known" in columns:
        raise RunError("bits were measured, and of how many its page does not say: it is none that this version knows")
    done, told = read_done(folder) or {}, told_by_sweep(folder)
    cpu_s = done.get("cpu_s")
    return Seen(
        name=name,
        folder=folder,
        state=state_of(folder),
        options=options,
        config=config,
        ceiling_bits=ceiling,
        episodes=int(rows[-1]["episodes"]) if rows else 0,
        step=int(rows[-1]["step"]) if rows else 0,
        columns=columns,
        command=[str(word) for word in about.get("command", [])],
        cpu_s=float(cpu_s) if isinstance(cpu_s, int | float) else None,
        is_trial=bool(told.get("is_trial", folder.parent.name == TRIALS)),
        condition=str(told.get("condition", "")),
    )


def check_numbers(options: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """What a figure counts with; one run that has something else would end the whole report."""
    for name in COUNTED:
        if name in options and options[name] != "none":
            float(options[name])
    before = 0.0
    for at in full_column(rows, "episodes"):
        if not (is_number(at) and before <= at <= MOST_EPISODES):
            raise RunError(f"the rows of {METRICS} have episodes, numbers from 0 to {MOST_EPISODES:,} that never fall")
        before = at


def with_defaults(options: dict[str, str]) -> dict[str, str]:
    """What an older version did not write down, as it is by default."""
    kind, algorithm = options.get("kind", ""), options.get("algorithm", FIRST_ALGORITHM)
    if not is_installed("tasks", kind):
        return options
    return {**defaults_of(kind, algorithm if is_installed("algorithms", algorithm) else FIRST_ALGORITHM), **options}


@lru_cache
def defaults_of(kind: str, algorithm: str) -> Mapping[str, str]:
    return {option.name: plain(option.default) for option in describe_options(kind, algorithm)}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    found = {name: column_of(rows, name) for name in COLUMNS}
    return {name: one for name, one in found.items() if len(one.values)}


def column_of(rows: Sequence[Mapping[str, Any]], name: str) -> Column:
    episodes, values = array("d"), array("d")
    for at, value in zip(full_column(rows, "episodes"), column(rows, name), strict=True):
        if is_number(value):
            episodes.append(at)
            values.append(value)
    return Column(np.array(episodes), np.array(values))


def told_by_sweep(folder: Path) -> Mapping[str, Any]:
    """The run's row in the sweep.json beside it, or above its folder of trials."""
    for place in (folder.parent, folder.parent.parent):
        rows = sweep_rows(place)
        if found := rows.get(folder.relative_to(place).as_posix()):
            return found
    return {}


@lru_cache(maxsize=64)
def sweep_rows(place: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        rows = (read_json(place / "sweep.json") or {}).get("runs", [])
        return {row["run"]: row for row in rows}
    except (RunError, KeyError, TypeError):
        return {}
