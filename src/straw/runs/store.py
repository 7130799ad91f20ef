"""A run folder: the whole truth about one run, in files that need no torch to read.

    runs/2026-05-01-143207-secret/
        config.toml               every resolved value
        metrics.jsonl             one line a step
        rollouts.jsonl            one line an attempt
        checkpoints.jsonl         one line a checkpoint
        checkpoints/step-000100/  weights and state, there only when whole
        curve.png                 the picture

The folder appears whole, with its config in it, or not at all; after that its files only grow.
What goes into a checkpoint is for the engine to say, and how a run continues is not told here.
"""

from __future__ import annotations

import re
import shutil
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from os import W_OK, X_OK, access
from os.path import normpath
from pathlib import Path
from typing import Any, Self

from straw.errors import RunError
from straw.runs.lines import Lines, Record, json_line, read_lines
from straw.runs.whole import run_error, whole_folder, write_whole
from straw.types import Datum, Rollout, Turn

CONFIG, METRICS, ROLLOUTS, CHECKPOINTS = "config.toml", "metrics.jsonl", "rollouts.jsonl", "checkpoints.jsonl"


class RunFolder:
    """The writing end of a run folder.

    Example:
        with RunFolder.create("runs/mine", config_toml, name="secret") as folder:
            folder.write_rollouts(rollout_record(step, rollout, prompt) for rollout in rollouts)
            folder.write_metrics({"step": 1, "episodes": 64, "time_s": 0.4, "reward": 0.25})
            with folder.checkpoint(step=1, policy_version=1) as empty_folder:
                engine.save(empty_folder)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metrics = Lines(path / METRICS)
        self._rollouts = Lines(path / ROLLOUTS)
        self._checkpoints = Lines(path / CHECKPOINTS)

    @classmethod
    def create(cls, path: str | Path | None, config_toml: str, name: str = "run") -> Self:
        """A new folder with its config, at a path that nobody uses: call it when all else is checked."""
        folder = default_path(name) if path is None else _spelled_out(path)
        check_is_free(folder)
        with whole_folder(folder) as staging:
            (staging / CONFIG).write_text(config_toml, encoding="utf-8")
            for file in (METRICS, ROLLOUTS, CHECKPOINTS):
                (staging / file).touch()
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """A folder that is there, to write on; what a killed process left half done is removed."""
        folder = _checked(path)
        for staging in (folder / "checkpoints").glob(".*.tmp"):
            shutil.rmtree(staging, ignore_errors=True)
        return cls(folder)

    @property
    def picture(self) -> Path:
        return self.path / "curve.png"

    def write_metrics(self, row: Record) -> None:
        self._metrics.append([row])

    def write_rollouts(self, records: Iterable[Record]) -> None:
        """All of a step's rollouts in one write."""
        self._rollouts.append(records)

    def write_batch(self, step: int, data: Sequence[Datum]) -> Path:
        """What a step was trained on when it broke, to be looked at."""
        path = self.path / f"broken-step-{step:06d}.jsonl"
        write_whole(path, "".join(json_line(asdict(datum)) for datum in data))
        return path

    @contextmanager
    def checkpoint(self, step: int, **facts: object) -> Iterator[Path]:
        """Lend an empty folder for weights and state; it becomes checkpoints/step-000100 when whole.

        Its line, with the size of every file, is written first and counts only when the folder is
        there, so a checkpoint without a line cannot be.
        """
        folder = self.path / "checkpoints" / f"step-{step:06d}"
        with whole_folder(folder) as staging:
            yield staging
            place = f"checkpoints/{folder.name}"
            self._checkpoints.append([{"step": step, "folder": place, **facts, "files": _sizes(staging)}])
            for lines in (self._metrics, self._rollouts, self._checkpoints):
                lines.sync()  # or a power cut could keep the weights and lose the lines that led to them

    def close(self) -> None:
        for lines in (self._metrics, self._rollouts, self._checkpoints):
            lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def default_path(name: str) -> Path:
    """runs/<date-time>-<name>, with -2, -3 behind it when several start within a second."""
    words = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "run"
    first = Path("runs") / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{words}"
    path, number = first, 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    return path


def check_is_free(path: str | Path) -> None:
    """Refuse a path that no new run can be written to, without touching it."""
    folder = _spelled_out(path)
    try:
        if taken := _what_is_wrong_with(folder):
            raise RunError(f"{taken}: choose another run_dir")
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


def rollout_record(step: int, rollout: Rollout, prompt_text: str) -> dict[str, object]:
    """One attempt as one line: what it earned comes first, its tokens last.

    The `prompt_tokens` of a turn are those read since the reply before it, so the turns of a record,
    read one after the other, are the conversation. A turn that begins another one says `restarts`.
    """
    turns = rollout.turns
    return {
        "step": step,
        "problem": rollout.problem.key,
        "reward": rollout.reward,
        "rewards": rollout.rewards,
        "turn_rewards": rollout.turn_rewards,
        "advantages": rollout.advantages,
        "end": rollout.end,
        "policy_version": min((turn.policy_version for turn in turns), default=None),
        "prompt": prompt_text,
        "replies": rollout.replies,
        "facts": rollout.problem.facts,
        "grade": {
            "hits": rollout.grade.hits,
            "well_formed": rollout.grade.well_formed,
            "offsets": rollout.grade.offsets,
        },
        "turns": [_turn_record(turn, before) for before, turn in zip((None, *turns), turns, strict=False)],
    }


def _turn_record(turn: Turn, before: Turn | None) -> dict[str, object]:
    known = before.prompt + before.reply if before else ()
    continues = turn.prompt[: len(known)] == known
    record: dict[str, object] = {
        "policy_version": turn.policy_version,
        "prompt_tokens": turn.prompt[len(known) :] if continues else turn.prompt,
        "reply_tokens": turn.reply,
        "logprobs": turn.logprobs,
    }
    return record if continues else {"restarts": True, **record}


def read_config(folder: str | Path) -> dict[str, Any]:
    """The page that the run used, every value resolved."""
    path = _checked(folder) / CONFIG
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, OSError) as problem:
        raise RunError(f"a run's config is TOML, but {path} cannot be read ({problem}): restore it") from problem


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """One row a step, in order."""
    return list(read_lines(_checked(folder) / METRICS))


def read_rollouts(folder: str | Path) -> Iterator[dict[str, Any]]:
    """One record an attempt, in order, read as they are asked for: a run has many."""
    return read_lines(_checked(folder) / ROLLOUTS)


def read_checkpoints(folder: str | Path) -> list[dict[str, Any]]:
    """The lines of the checkpoints that are there, whole, by step: the last is the newest."""
    path = _checked(folder)
    rows = {row["step"]: row for row in read_lines(path / CHECKPOINTS)}
    return [rows[step] for step in sorted(rows) if _is_whole(path / rows[step]["folder"], rows[step]["files"])]


def _is_whole(checkpoint: Path, sizes: dict[str, int]) -> bool:
    return checkpoint.is_dir() and _sizes(checkpoint) == sizes


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _checked(path: str | Path) -> Path:
    folder = _spelled_out(path)
    if not (folder / CONFIG).is_file():
        raise RunError(f"a run folder holds {CONFIG}, and {folder} has none: name the folder of a run")
    return folder


def _spelled_out(path: str | Path) -> Path:
    return Path(normpath(Path(path).expanduser()))
