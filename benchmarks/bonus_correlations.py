"""What a bonus goes with in a sweep of countdown: with being right, or with how an answer is written?

    straw sweep recipes/sweeps/memory-small.toml out=runs/small        the runs, if they are not there yet
    python benchmarks/bonus_correlations.py runs/small                 half a minute for 120 runs

    none right, all right    shares of the groups
    asked again              share of the groups whose question the run has met before
    well formed              share of the replies
    ~ right                  Pearson's correlation of the bonus with being right, within groups that have both
    ~ form, ~ numbers, ~ value    within groups where nobody is right: with being well formed, with using the numbers
                             that were given and no other, with coming to the target

A correlation is the mean over groups, then over seeds. Groups where either side is the same for all replies have none.
An answer may be well formed and come to the target and yet be wrong: with numbers that were not given.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import StatisticsError, correlation, fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from straw.runs.reading import ROLLOUTS, read_rollouts
from straw.tasks.countdown.expression import equation

SHARES = ("none right", "all right", "asked again", "well formed")
AMONG_WRONG = ("form", "numbers", "value")
Found = dict[str, list[float]]  # one number a group


def groups_of(folder: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Question, and replies to it, in order."""
    for (_, problem), replies in groupby(read_rollouts(folder), lambda one: (one["step"], one["problem"])):
        yield problem, list(replies)


def facts_of(reply: dict[str, Any]) -> dict[str, float]:
    """1 or 0 for each."""
    given, read = reply["facts"], equation(reply["replies"][0])
    return {
        "right": float(all(reply["grade"]["hits"])),
        "form": float(reply["grade"]["well_formed"]),
        "numbers": float(read is not None and sorted(read.numbers) == sorted(given["numbers"])),
        "value": float(read is not None and read.value == given["target"]),
    }


def within(group: Sequence[dict[str, Any]], facts: Sequence[dict[str, float]], found: Found) -> None:
    """Adds the correlations that this group has."""
    num_right = sum(one["right"] for one in facts)
    looked_at = AMONG_WRONG if num_right == 0 else ("right",)
    bonuses = [reply.get("bonuses", {}) | reply.get("raw_rewards", {}) for reply in group]
    for bonus in {name for paid in bonuses for name in paid}:
        paid = [one.get(bonus) or 0.0 for one in bonuses]
        for name in looked_at:
            try:
                found[f"{bonus} ~ {name}"].append(correlation(paid, [one[name] for one in facts]))
            except StatisticsError:  # all the same
                continue


def read_run(folder: Path) -> dict[str, float]:
    """Means over the groups of a run."""
    found: Found = defaultdict(list)
    met = set()
    for problem, group in groups_of(folder):
        facts = [facts_of(reply) for reply in group]
        num_right = sum(one["right"] for one in facts)
        found["none right"].append(num_right == 0)
        found["all right"].append(num_right == len(group))
        found["asked again"].append(problem in met)
        found["well formed"].append(fmean(one["form"] for one in facts))
        within(group, facts, found)
        met.add(problem)
    return {name: fmean(values) for name, values in found.items() if values}


def over_seeds(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    values: Found = defaultdict(list)
    for run in runs:
        for name, value in run.items():
            values[name].append(value)
    return {name: fmean(several) for name, several in values.items()}


def shares(conditions: dict[str, dict[str, float]], counts: dict[str, int]) -> Table:
    table = Table("condition", "runs", *SHARES)
    for name, found in conditions.items():
        table.add_row(name, str(counts[name]), *(f"{found[share]:.1%}" for share in SHARES))
    return table


def correlations(conditions: dict[str, dict[str, float]]) -> Table:
    columns = [f"~ {name}" for name in ("right", *AMONG_WRONG)]
    table = Table("condition", "bonus", *columns)
    for name, found in conditions.items():
        for bonus in sorted({key.partition(" ~ ")[0] for key in found if " ~ " in key}):
            values = (found.get(f"{bonus} {column}") for column in columns)
            table.add_row(name, bonus, *("" if value is None else f"{value:+.2f}" for value in values))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the sweep")
    folder = parser.parse_args().folder
    runs: dict[str, list[dict[str, float]]] = defaultdict(list)
    for path in sorted(folder.glob(f"*-seed-*/{ROLLOUTS}")):
        runs[path.parent.name.partition("-seed-")[0]].append(read_run(path.parent))
    if not runs:
        parser.error(f"{folder} holds no runs of a sweep: name the folder that straw sweep wrote")
    conditions = {name: over_seeds(several) for name, several in runs.items()}
    everything = over_seeds(run for several in runs.values() for run in several)
    counts = {name: len(several) for name, several in runs.items()} | {"all of them": sum(map(len, runs.values()))}
    console = Console(width=110, highlight=False)
    console.print(shares(conditions | {"all of them": everything}, counts))
    console.print(correlations(conditions))


if __name__ == "__main__":
    main()
