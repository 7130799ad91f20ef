"""A sweep in files for programs: sweep.json holds all of it, sweep.csv one row a run.

    pandas.read_csv("runs/sweeps/bandwidth/sweep.csv").groupby("condition").bits_known.median()

There is a column for each option in which the runs differ. A number that nobody could compute is empty, or null.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from math import isfinite
from typing import Any

from straw.report.sweeps import accuracy as sweep_accuracy
from straw.report.sweeps.sweep import Ended, Summary
from straw.runs.files.atomic_write import write_whole
from straw.runs.sweeps.sweep import RATE, Sweep


def write_files(
    sweep: Sweep, summaries: Sequence[Summary], trials: Sequence[Ended], spent: Mapping[str, float]
) -> None:
    """sweep.json holds all of it, sweep.csv one row a run, those that found the learning rates too."""
    ends = [*(run for summary in summaries for run in summary.runs), *trials]
    measured = sweep_accuracy.measured(summaries)
    rows = [run_row(run, varied(ends), measured, run in trials) for run in ends]
    whole = {
        "name": sweep.name,
        "question": sweep.question,
        "seeds": sweep.seeds,
        "seed_options": sweep.seed_options,
        "base": sweep.base,
        "conditions": [{**condition_row(summary), **sweep_accuracy.facts(summaries, summary)} for summary in summaries],
        "runs": rows,
        "this_time": spent,
    }
    write_whole(sweep.folder / "sweep.json", json.dumps(whole, indent=1, allow_nan=False) + "\n")
    write_whole(sweep.folder / "sweep.csv", csv_text(rows))


def varied(ends: Iterable[Ended]) -> list[str]:
    """The options in which the runs differ."""
    values: dict[str, set[str]] = {}
    for run in ends:
        for name, value in run.planned.values.items():
            values.setdefault(name, set()).add(repr(value))
    return [name for name, found in values.items() if len(found) > 1 and name not in ("run_dir", RATE)]


def run_row(run: Ended, options: Sequence[str], measured: Sequence[str], is_trial: bool) -> dict[str, Any]:
    values = run.planned.values
    return {
        "run": run.planned.run.name,
        "condition": run.planned.run.condition,
        "is_trial": is_trial,
        "state": run.state,
        "reason": run.reason,
        "bits_known": finite(run.bits),
        "ceiling_bits": run.planned.ceiling_bits,
        "episodes": run.planned.episodes,
        "episodes_to_enough": finite(run.episodes_to_enough),
        RATE: values[RATE],
        **{name: run.last.get(name) for name in measured},
        "wall_s": run.done.get("wall_s"),
        "cpu_s": run.done.get("cpu_s"),
        **{name: values[name] for name in options},
    }


def condition_row(summary: Summary) -> dict[str, Any]:
    return {
        "condition": summary.condition,
        "seeds_done": len(summary.done),
        "bits_known": summary.bits,
        "episodes_to_enough": finite(summary.episodes),
        RATE: summary.rate,
        "tuning": [
            {
                RATE: row.rate, "episodes_to_enough": finite(row.episodes), "bits_known": finite(row.bits),
                "reached": row.num_reached, "trials": row.num_trials,
            }
            for row in summary.trials
        ],
    }  # fmt: skip


def finite(value: float) -> float | None:
    return value if isfinite(value) else None


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
