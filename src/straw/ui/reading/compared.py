"""Several runs side by side: the options in which they differ, and the colour that each has.

A colour stands for what it stands for in every picture of straw: the reward, where each run has another; in a sweep the
condition; else the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from straw.report.curves.palette import COLOURS, places
from straw.report.figures.drawing.style import DASHES
from straw.report.runs.options_diff import differing
from straw.ui.reading.run import Run

MOST_OPTIONS = 60


def compared(runs: Sequence[Run], by: str = "run") -> dict[str, Any]:
    """`by`: "run", or "condition" for the runs of a sweep."""
    options = differing([run.config for run in runs]) if len(runs) > 1 else {}
    names = names_of(runs, by)
    found = places(dict.fromkeys(names))
    return {
        "runs": [
            {"id": run.id, "name": run.name, "label": name} | look_at(found[name])
            for run, name in zip(runs, names, strict=True)
        ],
        "options": [
            {"name": name, "values": [value[:200] for value in values]}
            for name, values in list(options.items())[:MOST_OPTIONS]
        ],
        "metrics": sorted({name for run in runs for name in run.columns.names}),
    }  # fmt: skip


def look_at(place: int) -> dict[str, int]:
    return {"colour": place % len(COLOURS), "dash": place % len(DASHES)}


def names_of(runs: Sequence[Run], by: str) -> list[str]:
    """Rewards, where there are as many as runs, or as conditions."""
    rewards = [run.reward for run in runs]
    names = [run.condition if by == "condition" else run.name for run in runs]
    last = [name.rpartition("/")[2] for name in names]
    names = last if len(set(last)) == len(set(names)) else names
    is_told_by_reward = len(set(rewards)) == len(set(names)) == len(set(zip(rewards, names, strict=True)))
    return rewards if is_told_by_reward else names
