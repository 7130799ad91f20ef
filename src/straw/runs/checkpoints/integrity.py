"""Which checkpoint a run goes on from: the newest whose bytes are those that were written.

A damaged one is named and passed over. Lines that a checkpoint knows of and that are gone stop everything: the run
that went on would claim a history that it has not. Where no checkpoint is left a run could only begin again, and write
over its own history: it does so if that comes out the same, and never where checkpoints were there and are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from straw.errors import ConfigError, RunError
from straw.files import is_folder
from straw.runs.checkpoints.weights import file_sums, step_folders, within_run
from straw.runs.files.jsonl import read_lines
from straw.runs.reading import (
    CHECKPOINTS,
    CONFIG,
    METRICS,
    START,
    best_of,
    is_count,
    read_about,
    read_checkpoints,
    read_done,
    read_events,
    read_metrics,
)

Say = Callable[[str], None]


def check_has_weights(folder: Path) -> None:
    if not is_folder(folder / START) and read_done(folder):
        raise RunError(
            f"{folder} kept no weights when it was done, as a sweep's trials and keep_weights=false ask for: "
            f"straw show {folder} reads what is left, and for weights it has to be trained again in another folder"
        )


def newest_sound(folder: Path, say: Say) -> dict[str, Any] | None:
    """Its line, or None where there is no sound one."""
    rows = read_checkpoints(folder)
    whole = {row["step"] for row in rows}
    for step, path in step_folders(folder).items():
        if step not in whole:
            say(f"{path} is damaged (a file is missing, was cut, or leads elsewhere) and passed over")
    for row in reversed(rows):
        if is_sound(folder, row):
            check_lines(folder, row)
            return row
        say(f"{folder / row['folder']} is damaged (its bytes are not those that were written) and passed over")
    return None


def check_may_begin_again(folder: Path, changed: Mapping[str, str]) -> int:
    """How many steps are done again by a run that was killed before its first checkpoint; refused where any is lost.

    `changed`: versions and processor, where they are others than the run began with, so that its bits would be too.
    """
    done = steps_in(folder)
    way_out = (
        f"straw resume {folder} --branch" if (folder / START).is_dir() else f"straw train {folder / CONFIG} run_dir=NEW"
    )
    if done and (gone := written(folder)):
        raise RunError(
            f"{folder} has none of its checkpoints left ({', '.join(gone)} gone or damaged), so going on would begin "
            f"again and write over {done} steps: put one back, or begin again in another folder: {way_out}"
        )
    if done and changed:
        listed = ", ".join(f"{name} {change}" for name, change in changed.items())
        raise RunError(
            f"{folder} was stopped before its first checkpoint, so going on would do its {done} steps again, and they "
            f"would not come out the same ({listed}): begin again in another folder: {way_out}"
        )
    return done


def steps_in(folder: Path) -> int:
    """The last of them; what says nothing of its step may be the work of a day."""
    steps = [row.get("step") for row in read_metrics(folder, ["step"])]
    if not all(map(is_count, steps)):
        raise RunError(f"every line of {folder / METRICS} has a step, and one has none: restore it")
    return max((step for step in steps if isinstance(step, int)), default=0)


def written(folder: Path) -> list[str]:
    """Checkpoints that were whole once. A kill inside the first one leaves its line, and nothing that could be lost;
    as many lines as kills, of one step or of several. Where their lines are gone too, the events still tell.
    """
    lines = dict.fromkeys(str(row.get("folder")) for row in read_lines(folder / CHECKPOINTS))
    was_whole = any(event.get("event") == "checkpoint" or went_on(event) for event in read_events(folder))
    began_at = (read_about(folder).get("parent") or {}).get("step")
    if was_whole:
        return list(lines)[-2:] or [CHECKPOINTS]
    return list(lines)[-2:] if began_at else []


def went_on(event: Mapping[str, Any]) -> bool:
    """From a checkpoint: a kill between the checkpoint and its own event leaves this one."""
    return event.get("event") == "resumed" and event.get("step") != 0


def is_sound(folder: Path, checkpoint: Mapping[str, Any]) -> bool:
    path = folder / checkpoint["folder"]
    return within_run(path) and file_sums(path) == checkpoint["sums"]


def check_lines(folder: Path, checkpoint: Mapping[str, Any]) -> None:
    for name, size in checkpoint["lines"].items():
        path = folder / name
        if (there := path.stat().st_size if path.exists() else 0) < size:
            raise RunError(
                f"{path} had {size:,} bytes at step {checkpoint['step']} and has {there:,}, lines are missing: restore "
                f"it, or go on without them as another run: straw resume {quote(str(folder))} --branch"
            )


def checkpoint_named(folder: Path, name: str, say: Say) -> dict[str, Any]:
    """A sound one: last, a step, or best:METRIC (best:-METRIC the lowest)."""
    check_has_weights(folder)
    if name == "last":
        row = newest_sound(folder, say)
    elif name.startswith("best:"):
        row = best_of(read_checkpoints(folder), name.removeprefix("best:"))
    elif name.isdecimal() and len(name) < 19:
        row = checkpoint_at(folder, int(name))
    else:
        raise ConfigError(
            f"a checkpoint is last, a step, or best:METRIC; got {name[:40]!r}. Write for example --at 100."
        )
    if row is None:
        raise RunError(f"{folder} has no sound checkpoint yet: let it go on with straw resume {quote(str(folder))}")
    if not is_sound(folder, row):
        raise RunError(f"{folder / row['folder']} is damaged: its bytes are not those that were written. Take another.")
    return row


def checkpoint_at(folder: Path, step: int) -> dict[str, Any]:
    rows = {row["step"]: row for row in read_checkpoints(folder)}
    if step not in rows:
        there = ", ".join(map(str, rows)) or "none"
        raise RunError(f"{folder} has no checkpoint of step {step}; it has those of step {there}: give one of them")
    return rows[step]
