"""The folders of weights in a run, each a folder of plain files under its own name.

    start/                    before the first step
    checkpoints/step-000100/  after step 100: the name follows from the step, whatever a line of a file says

A run folder may come from a stranger. What is a link, or leads out of the folder, is none of these, and is neither
read nor written nor removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from straw.errors import RunError
from straw.files import is_file, is_folder, reading

START, STEPS = "start", "checkpoints"
OPTIMIZER = "optimizer.safetensors"  # in a checkpoint: what only a run that goes on from it needs
STEP = re.compile(r"step-([0-9]{6,18})")
BLOCK = 1 << 22
NOTHING: Mapping[tuple[int, int], int] = {}


def folder_of_step(step: int) -> str:
    """Below the run's folder. Example: folder_of_step(100) == "checkpoints/step-000100" """
    return f"{STEPS}/step-{step:06d}"


def step_folders(folder: Path) -> dict[int, Path]:
    """The folders of checkpoints that are there, whole or not, by step."""
    parent = folder / STEPS
    names = os.listdir(parent) if is_folder(parent) else []
    steps = {int(found[1]): parent / name for name in names if (found := STEP.fullmatch(name))}
    return {step: steps[step] for step in sorted(steps) if is_folder(steps[step])}


def is_whole(checkpoint: Path, sizes: Mapping[str, Any]) -> bool:
    try:
        return within_run(checkpoint) and file_sizes(checkpoint) == sizes
    except RunError:
        return False


def within_run(weights: Path) -> bool:
    """Whether a folder of weights is one, and no link on the way to it leads out of the run."""
    return is_folder(weights) and (weights.parent.name != STEPS or is_folder(weights.parent))


def file_sizes(folder: Path) -> dict[str, int]:
    return {name: path.stat().st_size for name, path in files_of(folder).items()}


def file_sums(folder: Path, known: Mapping[tuple[int, int], int] = NOTHING) -> dict[str, int]:
    """A checksum of every file, to tell a damaged one that kept its size. `known`: of files that were read before, and
    have a second name here (`training/memory_files.py`).
    """
    return {name: known_sum(path, known) or checksum(path) for name, path in files_of(folder).items()}


def known_sum(path: Path, known: Mapping[tuple[int, int], int]) -> int | None:
    """A file with one name is new, wherever it lies: the place of one that was removed is taken again."""
    return known.get(place_of(path)) if path.stat().st_nlink > 1 else None


def place_of(path: Path) -> tuple[int, int]:
    """On which disk a file lies and where, whatever its name."""
    found = path.stat()
    return found.st_dev, found.st_ino


def files_of(folder: Path) -> dict[str, Path]:
    """The files of a folder of weights by their names below it. RunError for one that holds anything else."""
    found: dict[str, Path] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if is_file(path):
                found[path.relative_to(folder).as_posix()] = path
            elif not is_folder(path):
                raise RunError(f"a run's weights are files, and {path} is a link or something else: remove it")
    return dict(sorted(found.items()))


def checksum(path: Path) -> int:
    total = 0
    with reading(path) as file:
        while block := file.read(BLOCK):
            total = crc32(block, total)
    return total
