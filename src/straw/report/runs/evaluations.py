"""What a model said to the held-out problems before training and after it, from a run folder alone.

before, after = before_and_after(folder)       the first measurement and the last, problem by problem
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

from straw.runs.reading import read_evaluations

LONGEST = 40  # characters of an answer in a table


class Said(NamedTuple):
    """One reply, as much of it as a table shows."""

    question: str
    extracted: int | str | None
    right: bool
    well_formed: bool
    reward: float | None = None  # where nobody can say what is right

    @property
    def said(self) -> str:
        """654321 right, 12 wrong, or nothing; without the tag, that is said too. A long answer is cut."""
        if self.reward is not None:
            return f"{shorten(str(self.extracted), LONGEST, placeholder=' ...')} ({self.reward:.3g})"
        if self.extracted is None:
            return "nothing"
        read = shorten(str(self.extracted), LONGEST, placeholder=" ...")
        return f"{read} {'right' if self.right else 'wrong'}{'' if self.well_formed else ', no tag'}"


def before_and_after(folder: str | Path) -> tuple[list[Said], list[Said]]:
    """Empty lists for a run that has measured nothing."""
    measured: dict[int, list[Said]] = {}
    for record in read_evaluations(folder):
        measured.setdefault(record["step"], []).append(_said(record))
    return (measured[min(measured)], measured[max(measured)]) if measured else ([], [])


def _said(record: Mapping[str, Any]) -> Said:
    if (reward := record.get("reward")) is not None:
        return Said(record["prompt"], record["reply"], False, record["well_formed"], reward)
    return Said(record["prompt"], record["extracted"], record["right"], record["well_formed"])
