"""What ran under a folder: every run in it, however deep, the newest first.

A folder is a run when it holds two of config.toml, about.json, metrics.jsonl and rollouts.jsonl, so one that lost a
file is still found, and shown as damaged with the reason. Of a long metrics.jsonl only the end is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO

from straw.errors import RunError, StrawError
from straw.files import MIB, PAGE, check_size, is_file, parse_json, read_file, reading
from straw.report.runs.options_diff import flat
from straw.report.runs.summary import LATE, Summary, summarised
from straw.runs.about import config_hash
from straw.runs.reading import ABOUT, CONFIG, KEPT, METRICS, ROLLOUTS, read_about, read_config, run_folder, spelled_out

FILES = (CONFIG, ABOUT, METRICS, ROLLOUTS)
TAIL = 1 << 16  # bytes: more than the late rows of any run so far
BACK = 16 * MIB  # how far back the last measured row is looked for
MEASURED = re.compile(rb'"(bits_known|accuracy|eval_reward)":')
RUNS = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One run under a folder."""

    name: str  # its path below the folder
    folder: str
    started: float  # seconds since 1970
    options: dict[str, str]  # {} where the config cannot be read
    summary: Summary | None  # None where it is damaged
    damage: str  # why, or what is doubtful; '' where all is well

    @property
    def state(self) -> str:
        return self.summary.state if self.summary else "damaged"


def runs_under(folder: str | Path) -> list[Listed]:
    """Every run, the newest first."""
    root = spelled_out(folder)
    return sorted((listed(path, root) for path in run_folders(root)), key=lambda run: (-run.started, run.name))


def run_folders(root: Path) -> Iterator[Path]:
    """Folders of runs below (or at) the root. What begins with a dot is not whole yet."""
    for place, folders, files in os.walk(root):
        if sum(name in files for name in FILES) >= 2:
            yield Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "checkpoints")


def listed(path: Path, root: Path) -> Listed:
    options: dict[str, str] = {}
    summary, damage = None, ""
    try:
        config = read_config(path)
        options = flat(config)
        summary = summarised(path, config, late_rows(path))
        damage = doubt(path)
    except Exception as problem:  # whatever stands in one folder, the others are shown
        damage = str(problem) if isinstance(problem, StrawError) else f"its files are no run's: {problem!r}"
    return Listed(
        name=path.relative_to(root).as_posix() if path != root else path.name,
        folder=str(path),
        started=(summary.started if summary else None) or _changed(path),
        options=options,
        summary=summary,
        damage=damage,
    )


def doubt(folder: Path) -> str:
    """What is wrong with a folder that can be read nevertheless."""
    if missing := [name for name in FILES if not is_file(folder / name)]:
        return f"{', '.join(missing)} missing"
    begun = read_about(folder).get("config_hash")
    if begun is not None and begun != config_hash(read_file(folder / CONFIG, PAGE).decode()):
        return f"{CONFIG} was edited since the run began"
    return ""


def late_rows(folder: Path) -> list[dict[str, Any]]:
    """The last rows of the metrics, and before them the last one in which bits or accuracy were measured."""
    path = run_folder(folder) / METRICS
    try:
        with reading(path) as file:
            check_size(file, path, KEPT)
            data = tail_of(file, TAIL)
            if not MEASURED.search(data):
                data = tail_of(file, BACK)
    except OSError as problem:
        raise RunError(f"a run folder holds {METRICS}; cannot read {path}: {problem.strerror}") from problem
    lines = data[: data.rfind(b"\n") + 1].splitlines()
    measured = [line for line in lines[:-LATE] if MEASURED.search(line)]
    return [_row(line, path) for line in (*measured[-1:], *lines[-LATE:])]


def tail_of(file: BinaryIO, most: int) -> bytes:
    """The last bytes of a file; where it is longer, without the line that they cut."""
    start = max(0, file.seek(0, os.SEEK_END) - most)
    file.seek(start)
    data = file.read(most)
    return data.partition(b"\n")[2] if start else data


def _row(line: bytes, path: Path) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise RunError(f"every line of {path} is a JSON object, and one is {line[:40]!r}: mend or remove it")
    return row


def run_named(name: str) -> Path:
    """The folder of a run: a path, or its name below runs/. One that is not there is answered with its neighbour."""
    for path in (spelled_out(name), RUNS / name):
        if any(is_file(path / file) for file in FILES):
            return run_folder(path)
    there = {str(path): path for root in {RUNS, spelled_out(name).parent} if root.is_dir() for path in _near(root)}
    near = get_close_matches(name, [*there, *(path.name for path in there.values())], n=1, cutoff=0.5)
    guess = f"did you mean {near[0]}? " if near else ""
    raise RunError(f"there is no run at {name}: {guess}`straw runs` lists those there are")


def _near(root: Path) -> Iterator[Path]:
    """Runs at most two folders down: enough to find a neighbour, and no walk through a whole disk."""
    for pattern in ("*", "*/*"):
        yield from (path.parent for path in sorted(root.glob(f"{pattern}/{CONFIG}")))


def _changed(path: Path) -> float:
    return path.stat().st_mtime
