"""An entry: one file of JSON that says who played what, how every run went, and what that comes to.

    submission   name, options, code, what it says it knows
    machine      versions and processor, for which alone the bits are promised
    wall         whether the learner ran in a sandbox, or in a process of the same user
    cells        each with its score and its runs; a run has episodes, costs, its curve and the hash of its rollouts

The file of a bench that goes on has the runs that are done, and the same command goes on with them. A file that comes
from somebody else is read as what it is: numbers and texts of known sizes, or a DataError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from straw.benchmark.few import few_record, has_few
from straw.benchmark.games import FORMS, Cell, cells_of, table_mark
from straw.benchmark.play import Played, record_of
from straw.benchmark.reference import reference_of
from straw.benchmark.score import score_of, total_of
from straw.benchmark.submission import MOST_CODE, Submission
from straw.errors import DataError
from straw.files import MIB, parse_json, read_file
from straw.runs.about import processor, versions
from straw.runs.files.atomic_write import write_whole

KIND, VERSION = "straw bench", 1
MOST = 32 * MIB


@dataclass(kw_only=True)
class Entry:
    """`runs` by the names of the cells; `scores` and `total` are what a file says of them."""

    form: str
    submission: Submission
    table: str
    machine: Mapping[str, Any]
    wall: str = ""  # what kept the learner from the secret, in words
    runs: dict[str, list[Played]] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    total: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begun(cls, form: str, submission: Submission, wall: str = "") -> Self:
        return cls(form=form, submission=submission, table=table_mark(form), machine=this_machine(), wall=wall)

    @property
    def cells(self) -> tuple[Cell, ...]:
        return cells_of(self.form)

    @property
    def is_whole(self) -> bool:
        return all(len(self.runs.get(cell.name, [])) == cell.secrets for cell in self.cells)

    @property
    def cpu_s(self) -> float:
        return round(sum(run.cpu_s for runs in self.runs.values() for run in runs), 1)

    def scored(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Cells, and all together, from the runs alone."""
        found = {
            cell.name: score_of(cell, self.runs[cell.name], reference_of(cell))
            for cell in self.cells
            if self.runs.get(cell.name)
        }
        total = total_of(list(found.values()))
        return found, total | few_record(self.runs, found) if has_few(self.cells) else total

    def record(self) -> dict[str, Any]:
        scores, total = self.scored()
        cells = [
            {"cell": name, "score": scores[name], "runs": [record_of(run) for run in self.runs[name]]}
            for name in scores
        ]
        return {
            "kind": KIND, "version": VERSION, "form": self.form, "is_whole": self.is_whole, "total": total,
            "cpu_s": self.cpu_s, "submission": self.submission.record(), "table": self.table,
            "machine": dict(self.machine), "wall": self.wall, "cells": cells,
        }  # fmt: skip

    def write(self, path: Path) -> None:
        """A run a line, so that a person can read the file and a diff shows what changed."""
        record = self.record()
        cells = record.pop("cells")
        body = ",\n".join(cell_text(cell) for cell in cells)
        head = json.dumps(record, indent=1)[:-2]
        write_whole(path, f'{head},\n "cells": [\n{body}\n ]\n}}\n')

    @property
    def is_of_this_machine(self) -> bool:
        return self.machine == this_machine()


def cell_text(cell: Mapping[str, Any]) -> str:
    runs = ",\n".join(f"   {json.dumps(run)}" for run in cell["runs"])
    return f'  {{"cell": {json.dumps(cell["cell"])}, "score": {json.dumps(cell["score"])},\n   "runs": [\n{runs}]}}'


def this_machine() -> dict[str, Any]:
    return {"versions": versions(), "processor": processor()}


def read_entry(path: Path) -> Entry:
    try:
        found = parse_json(read_file(path, MOST, follow=True))
    except OSError as error:
        raise DataError(f"an entry is a file that straw bench wrote, and {path} cannot be read: {error}") from None
    except ValueError:
        raise DataError(f"an entry is a file of JSON that straw bench wrote, and {path} is none") from None
    try:
        return entry_of(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} is no entry of the benchmark ({type(error).__name__}: {str(error)[:120]}): make one with "
            "straw bench LEARNER --short -o FILE.json"
        ) from None


def entry_of(found: Any) -> Entry:
    if found["kind"] != KIND or found["version"] != VERSION:
        raise ValueError(f"it is {found['kind']!r:.40}, version {found['version']!r:.20}")
    if found["form"] not in FORMS:
        raise ValueError(f"no form {found['form']!r:.40}")
    return Entry(
        form=found["form"], submission=submission_of(found["submission"]), table=text(found["table"]),
        machine=machine_of(found["machine"]), total=dict(found["total"]), wall=text(found.get("wall", "")),
        runs={text(cell["cell"]): [run_of(run) for run in cell["runs"]] for cell in found["cells"]},
        scores={text(cell["cell"]): cell["score"] for cell in found["cells"]},
    )  # fmt: skip


def submission_of(found: Any) -> Submission:
    """Its mark is worked out anew, whatever the file says."""
    options = {text(name): option_of(value) for name, value in found["options"].items()}
    return Submission(
        learner=text(found["learner"]), options=options, ours=text(found["ours"]), knows=text(found["knows"]),
        code={text(file): text(body, MOST_CODE) for file, body in found["code"].items()},
        knows_formula=flag(found["knows_formula"]),
    )  # fmt: skip


def option_of(value: Any) -> str | int | float | bool:
    if not isinstance(value, str):
        number(value)
    plain: str | int | float | bool = value  # as it stands: 1 and 1.0 have different marks
    return plain


def machine_of(found: Any) -> dict[str, Any]:
    versions = {text(name): text(version) for name, version in found["versions"].items()}
    return {"versions": versions, "processor": text(found["processor"])}


def run_of(found: Any) -> Played:
    return Played(
        number=count(found["number"]), episodes=count(found["episodes"]), known=flag(found["known"]),
        updates=count(found["updates"]), unpaid_draws=count(found["unpaid_draws"]), cpu_s=number(found["cpu_s"]),
        start=text(found["start"]), rollouts=text(found["rollouts"]), failed=text(found["failed"]),
        bits=curve_of(found["bits"]),
    )  # fmt: skip


def curve_of(found: Any) -> tuple[tuple[int, float], ...]:
    """From the start on, and forwards: the board draws it."""
    curve = tuple((count(at), number(bits)) for at, bits in found)
    places = [at for at, _ in curve]
    if not places or places[0] != 0 or sorted(set(places)) != places:
        raise ValueError("a curve of bits begins at episode 0 and goes on from there")
    return curve


def number(value: Any) -> float:
    if not isinstance(value, int | float) or not abs(value) < 1e300:  # JSON here may say NaN
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r:.40} is neither true nor false")
    return value


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"{value!r:.40} is no count")
    return value


def text(value: Any, most: int = 500) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{value!r:.40} is no text of at most {most:,} characters")
    return value
