"""Another run that begins where a checkpoint of a run stands: its history up to there, a page of its own.

about.json names the parent, the step and what was changed, so that no curve of two pages looks like one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from straw.errors import RunError
from straw.files import open_file, reading
from straw.outside import Source
from straw.runs.about import about_run
from straw.runs.checkpoints.weights import files_of, folder_of_step, within_run
from straw.runs.files.atomic_write import whole_folder
from straw.runs.files.jsonl import json_line
from straw.runs.kept_code import keep_code
from straw.runs.kept_data import keep_rows
from straw.runs.reading import ABOUT, CHECKPOINTS, CONFIG, DROPPED, EVENTS, OF_STEPS, START
from straw.runs.store import check_is_free


def make_branch(
    parent: Path, checkpoint: Mapping[str, Any] | None, path: Path, config_toml: str, changed: Mapping[str, object],
    code: Mapping[str, Source] | None = None,
) -> None:  # fmt: skip
    """A folder that `resume` takes up; without a checkpoint it begins at the parent's start."""
    check_is_free(path)
    if checkpoint and checkpoint.get(DROPPED):
        weights = parent / folder_of_step(checkpoint["step"])
        raise RunError(
            f"{parent} kept no optimizer state when it was done, as keep_optimizer=false asks for, and a branch goes "
            f"on with it: begin a new run from its weights, from_checkpoint={weights}"
        )
    facts = {"run": str(parent), "step": checkpoint["step"] if checkpoint else 0, "changed": dict(changed)}
    with whole_folder(path) as staging:
        (staging / CONFIG).write_text(config_toml, encoding="utf-8")
        (staging / ABOUT).write_text(json_line({**about_run(config_toml), "parent": facts}), encoding="utf-8")
        (staging / EVENTS).touch()
        copy_folder(parent / START, staging / START)
        keep_code(code or {}, staging)
        keep_rows(config_toml, staging)
        for name in OF_STEPS:
            copy_head(parent / name, staging / name, checkpoint["lines"].get(name, 0) if checkpoint else 0)
        (staging / CHECKPOINTS).write_text(json_line(checkpoint) if checkpoint else "")
        if checkpoint:
            folder = folder_of_step(checkpoint["step"])
            copy_folder(parent / folder, staging / folder)


def copy_folder(source: Path, target: Path) -> None:
    """The files of a folder of weights, and nothing else that may lie there."""
    if not within_run(source):
        raise RunError(f"a branch copies {source.name}, and {source.parent} has none: restore it, or begin a new run")
    for name, path in files_of(source).items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy_head(path, target / name, path.stat().st_size)


def copy_head(source: Path, target: Path, size: int) -> None:
    """Its first bytes; what is missing of them is missing in the copy. Of nothing there need be no file."""
    if size == 0:
        target.touch()
        return
    left = size
    try:
        original = reading(source)
    except OSError as problem:
        raise RunError(f"a branch copies {source.name}; cannot read {source}: {problem.strerror}") from problem
    with original, os.fdopen(open_file(target, os.O_WRONLY | os.O_CREAT), "wb") as copy:
        while left and (block := original.read(min(left, 1 << 22))):
            copy.write(block)
            left -= len(block)
