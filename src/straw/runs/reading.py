"""The reading end of a run folder: no torch, and no harm to a run that is still writing.

state_of(folder)     done      it says so itself
                     running   a process holds its lock
                     failed    its last word was an error
                     stopped   neither: killed, or interrupted; `straw resume` goes on from its newest checkpoint
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from os.path import normpath
from pathlib import Path
from typing import Any, Literal

from straw.errors import RunError, did_you_mean
from straw.files import GIB, MIB, PAGE, is_file, parse_json, parse_toml, read_file
from straw.runs.checkpoints.weights import START as START
from straw.runs.checkpoints.weights import STEPS as STEPS
from straw.runs.checkpoints.weights import folder_of_step, is_whole
from straw.runs.files.jsonl import read_lines
from straw.runs.files.lock import is_held
from straw.runs.metric_rows import MetricRows

CONFIG, ABOUT, DONE = "config.toml", "about.json", "done.json"
METRICS, ROLLOUTS, CHECKPOINTS, EVENTS = "metrics.jsonl", "rollouts.jsonl", "checkpoints.jsonl", "events.jsonl"
EVALUATIONS = "evaluations.jsonl"
UNDECLARED = "undeclared"  # of a reward that says nothing of what it may pay
OF_STEPS = (METRICS, ROLLOUTS, EVALUATIONS)  # what a run that goes on from a checkpoint writes again
State = Literal["done", "running", "failed", "stopped"]
KINDS = {"versions": dict, "machine": dict, "command": list, "parent": dict, "config": dict, "config_hash": str}
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,63}")  # and the name of a package
KEPT = GIB  # of lines that are all kept in memory: a million steps
RECORD = 64 * MIB  # of one JSON object


def read_config(folder: str | Path) -> dict[str, Any]:
    """The page that the run used, every value resolved."""
    path = run_folder(folder) / CONFIG
    try:
        return parse_toml(read_file(path, PAGE).decode())
    except (ValueError, OSError) as problem:  # not TOML, not text, not readable
        raise RunError(f"a run's config is TOML, but {path} cannot be read ({problem}): restore it") from problem


def read_about(folder: str | Path) -> dict[str, Any]:
    """What ran it: versions, machine, command, the config's hash, and the run it branched from.

    What is of another kind than it should be is left out, and of the versions whatever does not look like one: they are
    compared with ours, and what differs is written to the run's events.
    """
    about = read_json(run_folder(folder) / ABOUT) or {}
    found: dict[str, Any] = {k: value for k, value in about.items() if isinstance(value, KINDS.get(k, object))}
    if "versions" in found:
        found["versions"] = {name: text for name, text in found["versions"].items() if are_versions(name, text)}
    return found


def are_versions(*texts: object) -> bool:
    return all(isinstance(text, str) and VERSION.fullmatch(text) for text in texts)


def read_done(folder: str | Path) -> dict[str, Any] | None:
    """How the run ended, or None while it has not."""
    return read_json(run_folder(folder) / DONE)


def read_metrics(folder: str | Path, names: Iterable[str] | None = None) -> MetricRows:
    """One row a step, in order, in little memory; with `names` these numbers alone."""
    return MetricRows(read_lines(run_folder(folder) / METRICS, KEPT), names)


def read_rollouts(folder: str | Path) -> Iterator[dict[str, Any]]:
    """One record a rollout, in order, read as they are asked for: a run has many."""
    return read_lines(run_folder(folder) / ROLLOUTS)


def read_evaluations(folder: str | Path) -> list[dict[str, Any]]:
    """The replies to held-out problems, measurement by measurement; none for a task that has no such problems."""
    path = run_folder(folder) / EVALUATIONS
    return list(read_lines(path, KEPT)) if path.exists() else []


def read_events(folder: str | Path) -> list[dict[str, Any]]:
    """What happened, in order: {"event": "started", "time": seconds since 1970, "step": 0, ...}."""
    path = run_folder(folder) / EVENTS
    return list(read_lines(path, KEPT)) if path.exists() else []


def read_checkpoints(folder: str | Path) -> list[dict[str, Any]]:
    """The lines of the checkpoints that are there, whole, by step: the last is the newest."""
    path = run_folder(folder)
    lines = map(checked, read_lines(path / CHECKPOINTS, KEPT))
    rows = {row["step"]: row for row in lines if is_whole(path / row["folder"], row["files"])}
    return [rows[step] for step in sorted(rows)]


DROPPED = "optimizer_dropped"  # what a checkpoint's last line says when its run was done and kept no more


def checked(row: dict[str, Any]) -> dict[str, Any]:
    """A line of checkpoints.jsonl whose folder is the one of its step, whatever the line says."""
    step, lines = row.get("step"), row.get("lines")
    if (
        not isinstance(step, int)
        or not is_count(step)
        or not isinstance(row.get("files"), dict)
        or not isinstance(row.get("sums"), dict)
    ):
        raise RunError(f"a line of {CHECKPOINTS} has a step, files and sums; one has step {step!r}: remove it")
    if not isinstance(lines, dict) or not all(name in OF_STEPS and is_count(size) for name, size in lines.items()):
        raise RunError(f"a line of {CHECKPOINTS} says how long the others were; that of step {step} does not")
    return {**row, "folder": folder_of_step(step)}


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def best_of(checkpoints: Sequence[dict[str, Any]], metric: str) -> dict[str, Any]:
    """The checkpoint with the highest value (-name: the lowest); the later one of equals."""
    name, sign = metric.removeprefix("-"), -1 if metric.startswith("-") else 1
    known = [row for row in checkpoints if isinstance(row.get("metrics", {}).get(name), (int, float))]
    if not known:
        there = {key for row in checkpoints for key, value in row.get("metrics", {}).items() if value is not None}
        raise RunError(f"no checkpoint has the metric {name!r}; {did_you_mean(name, there)}")
    return max(known, key=lambda row: (sign * row["metrics"][name], row["step"]))


def state_of(folder: str | Path) -> State:
    path = run_folder(folder)
    if (path / DONE).exists():
        return "done"
    if is_held(path):
        return "running"
    events = read_events(path)
    return "failed" if events and events[-1].get("event") == "failed" else "stopped"


def read_json(path: Path, most: int = RECORD, *, follow: bool = False) -> dict[str, Any] | None:
    """None where there is no such file. `follow`: a person named it, so it may be a link."""
    try:
        record = parse_json(read_file(path, most, follow=follow))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise RunError(f"{path} cannot be read ({said(problem)}): restore it, or remove it") from problem
    if not isinstance(record, dict):
        raise RunError(f"{path} holds a JSON object, and this is none: restore it, or remove it")
    return record


def said(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem)


def run_folder(path: str | Path) -> Path:
    """The path, if it is that of a run."""
    folder = spelled_out(path)
    if not is_file(folder / CONFIG):
        raise RunError(f"a run folder holds {CONFIG}, and {folder} has none: name the folder of a run")
    return folder


def spelled_out(path: str | Path) -> Path:
    return Path(normpath(Path(path).expanduser()))
