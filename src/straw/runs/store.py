"""A run folder: the whole truth about one run, in files that need no torch to read.

    runs/2026-05-01-143207-secret/
        config.toml               every resolved value
        about.json                versions, machine, command, the config's hash
        metrics.jsonl             one line a step
        rollouts.jsonl            one line a rollout
        evaluations.jsonl         one line a reply to a held-out problem, where the task has some
        events.jsonl              one line for whatever happened: started, alarm, resumed, failed
        checkpoints.jsonl         one line a checkpoint
        checkpoints/step-000100/  weights and state, there only when whole
        done.json                 how it ended, there only when it did
        curve.png                 the picture

The folder appears whole, with its config in it, or not at all; after that its files only grow, until a
run that goes on from a checkpoint takes back the lines behind it. What goes into a checkpoint is for the
engine and the loop to say.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from os import W_OK, X_OK, access
from pathlib import Path
from typing import Any, Self

from straw.errors import RunError
from straw.files import is_folder
from straw.runs.about import about_run
from straw.runs.checkpoints.weights import (
    OPTIMIZER,
    START,
    STEPS,
    file_sizes,
    file_sums,
    folder_of_step,
    place_of,
    step_folders,
)
from straw.runs.files.atomic_write import remove_tree, run_error, whole_folder, write_whole
from straw.runs.files.jsonl import Lines, Record, json_line
from straw.runs.files.lock import Lock
from straw.runs.reading import (
    ABOUT,
    CHECKPOINTS,
    CONFIG,
    DONE,
    DROPPED,
    EVALUATIONS,
    EVENTS,
    METRICS,
    OF_STEPS,
    ROLLOUTS,
    best_of,
    read_checkpoints,
    read_json,
    run_folder,
    spelled_out,
)
from straw.types import Datum

OF_FILES = ("files", "sums")  # what a checkpoint's line says of each of its files


class RunFolder:
    """The writing end of a run folder.

    Example:
        with RunFolder.create("runs/mine", config_toml) as folder:
            folder.write_rollouts(rollout_record(step, rollout, prompt) for rollout in rollouts)
            folder.write_metrics({"step": 1, "episodes": 64, "time_s": 0.4, "reward": 0.25})
            with folder.checkpoint(step=1, policy_version=1) as empty_folder:
                engine.save(empty_folder)
    """

    def __init__(self, path: Path) -> None:
        """One writer at a time. A run that is done is opened, and none of its files for writing."""
        self.path = path
        self._lock = Lock(path)
        self._lines: dict[str, Lines] = {}
        self.newest: Path | None = None  # the checkpoint that was written or taken up last
        self._sums: dict[tuple[int, int], int] = {}  # of its files, by where they lie on the disk
        try:
            for name in () if os.path.lexists(path / DONE) else (*OF_STEPS, CHECKPOINTS, EVENTS):
                self._lines[name] = Lines(path / name)
        except RunError:
            self.close()
            raise

    @classmethod
    def create(cls, path: str | Path, config_toml: str, fill: Callable[[Path], None] | None = None) -> Self:
        """A new folder with its config, at a path that nobody uses: call it when all else is checked.

        `fill` puts in what else has to be there from the first moment.
        """
        folder = spelled_out(path)
        check_is_free(folder)
        with whole_folder(folder) as staging:
            (staging / CONFIG).write_text(config_toml, encoding="utf-8")
            (staging / ABOUT).write_text(json_line(about_run(config_toml)), encoding="utf-8")
            for file in (METRICS, ROLLOUTS, EVALUATIONS, CHECKPOINTS, EVENTS):
                (staging / file).touch()
            if fill is not None:
                fill(staging)
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """A folder that is there, to write on; what a killed process left half done is removed."""
        folder = run_folder(path)
        check_folders(folder)
        opened = cls(folder)
        for place in (folder, folder / STEPS):
            for left in place.glob(".*.tmp"):
                shutil.rmtree(left) if is_folder(left) else left.unlink()
        return opened

    def note(self, **facts: object) -> None:
        """Facts of the run's plan for about.json, so that nobody has to run code to know them."""
        about = read_json(self.path / ABOUT) or {}
        if any(about.get(name, self) != fact for name, fact in facts.items()):
            write_whole(self.path / ABOUT, json_line({**about, **facts}))

    def rewind(self, checkpoint: Mapping[str, Any] | None) -> None:
        """Take back the lines behind a checkpoint (None: all): the run that goes on writes them again, bit for bit.

        Checkpoints of later steps are set aside, not removed: whoever goes back had a reason.
        """
        sizes = checkpoint["lines"] if checkpoint else {}
        for name in OF_STEPS:
            self._lines[name].cut(sizes.get(name, 0))
        last = checkpoint["step"] if checkpoint else -1
        for step, folder in step_folders(self.path).items():
            if step > last:
                folder.rename(free_name(folder.with_name(f"aside-{folder.name}")))

    @property
    def picture(self) -> Path:
        return self.path / "curve.png"

    def write_metrics(self, row: Record) -> None:
        self._lines[METRICS].append([row])

    def write_rollouts(self, records: Iterable[Record]) -> None:
        """All of a step's rollouts in one write."""
        self._lines[ROLLOUTS].append(records)

    def write_evaluations(self, records: Iterable[Record]) -> None:
        """All replies of a measurement in one write."""
        self._lines[EVALUATIONS].append(records)

    def write_event(self, event: str, step: int, **facts: object) -> None:
        """Something that a person may want to know about later."""
        self._lines[EVENTS].append([{"time": round(time.time(), 3), "event": event, "step": step, **facts}])

    def write_done(self, facts: Record) -> None:
        """The run's last word; from here on its folder is `done`."""
        write_whole(self.path / DONE, json_line(facts))

    def write_batch(self, step: int, data: Sequence[Datum]) -> Path:
        """What a step was trained on when it broke, to be looked at."""
        path = self.path / f"broken-step-{step:06d}.jsonl"
        write_whole(path, "".join(json_line(asdict(datum)) for datum in data))
        return path

    @contextmanager
    def checkpoint(self, step: int, **facts: object) -> Iterator[Path]:
        """Lend an empty folder for weights and state; it becomes checkpoints/step-000100 when whole.

        Its line, with the size and sum of every file, is written first and counts only when the folder
        is there, so a checkpoint without a line cannot be. `lines` says how far the other files had come.
        """
        check_folders(self.path)
        with whole_folder(self.path / folder_of_step(step)) as staging:
            yield staging
            row = {"step": step, "folder": folder_of_step(step), **facts}
            row |= {"lines": {name: self._lines[name].size for name in OF_STEPS}}
            sums = file_sums(staging, self._sums)
            self._lines[CHECKPOINTS].append([row | {"files": file_sizes(staging), "sums": sums}])
            for lines in self._lines.values():
                lines.sync()  # or a power cut could keep the weights and lose the lines that led to them
        self.newest = self.path / folder_of_step(step)
        self._sums = {place_of(self.newest / name): total for name, total in sums.items()}

    def keep_checkpoints(self, newest: int, best: str = "") -> str | None:
        """Remove all but the newest ones (0: none is removed) and the best by a metric (-name: the lowest).

        Returns a complaint when no checkpoint has that metric.
        """
        rows, complaint = read_checkpoints(self.path), None
        kept = {row["step"] for row in rows[-newest:]}
        try:
            kept |= {best_of(rows, best)["step"]} if best else set()
        except RunError as error:
            complaint = f"keep_best: {error}"
        for row in rows:
            if row["step"] not in kept:
                remove_tree(self.path / folder_of_step(row["step"]))
        return complaint

    def drop_weights(self) -> None:
        """Of a run that is done: nothing goes on from it, and what it said and measured stays."""
        for name in (STEPS, START):
            remove_tree(self.path / name)

    def drop_optimizer(self) -> None:
        """Of a run that is done: Adam's moments are twice the weights, and nothing but a branch would read them.

        A second line says what is left of a checkpoint; whenever this is interrupted, one of the two is true.
        """
        for row in read_checkpoints(self.path):
            if OPTIMIZER in row["files"]:
                left = {kind: {name: one for name, one in row[kind].items() if name != OPTIMIZER} for kind in OF_FILES}
                self._lines[CHECKPOINTS].append([{**row, **left, DROPPED: True}])
                self._lines[CHECKPOINTS].sync()
                (self.path / row["folder"] / OPTIMIZER).unlink()

    def close(self) -> None:
        for lines in self._lines.values():
            lines.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_folders(run: Path) -> None:
    """Weights are written below the run and nowhere else."""
    for folder in (run / START, run / STEPS):
        if os.path.lexists(folder) and not is_folder(folder):
            raise RunError(f"a run keeps its weights in folders of its own, and {folder} is none: remove it")


def default_path(name: str) -> Path:
    """runs/<date-time>-<name>, with -2, -3 behind it when several start within a second."""
    words = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "run"
    return free_name(Path("runs") / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{words}")


def free_name(path: Path) -> Path:
    """The path, or with -2, -3 behind it."""
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def check_is_free(path: str | Path, way_out: str = "choose another run_dir") -> None:
    """Refuse a path that nothing new can be written to, without touching it."""
    folder = spelled_out(path)
    try:
        if taken := _what_is_wrong_with(folder):
            is_run = (folder / CONFIG).is_file()
            way_on = f", or go on with the run that is there: straw resume {folder}, or --resume behind straw train"
            raise RunError(f"{taken}: {way_out}{way_on if is_run else ''}")
    except OSError as problem:
        raise run_error(problem, folder) from problem


def _what_is_wrong_with(folder: Path) -> str | None:
    if folder.is_dir():
        if held := sorted(file.name for file in folder.iterdir()):
            return f"a run overwrites nothing, and {folder} holds {', '.join(held[:3])}"
        if folder.samefile("."):
            return "a run makes a folder of its own, and you are standing in this one"
    elif folder.exists() or folder.is_symlink():
        return f"a run is written to a folder, and {folder} is a file"
    nearest = next(parent for parent in folder.absolute().parents if parent.exists())
    if not nearest.is_dir() or not access(nearest, W_OK | X_OK):
        return f"a run needs a folder it may write to, and nothing can be made in {nearest}"
    return None
