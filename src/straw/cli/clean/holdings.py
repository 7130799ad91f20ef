"""What is held on disk, and where: straw's cache and the runs below a folder.

Only what straw makes is looked at, by the names that it gives. A link is never followed and never counted: what is one
belongs to whoever made it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from straw.cache_dir import cache_folder
from straw.files import is_file, is_folder, took_lock
from straw.report.runs.listing import run_folders
from straw.runs.checkpoints.weights import START, STEPS, step_folders
from straw.runs.files.atomic_write import open_folder
from straw.runs.reading import state_of

STAGING = re.compile(r"\..{1,200}\.[0-9a-f]{12}\.tmp")
KINDS = {  # of the cache: how its entries are named, and what is lost with them
    "warmups": (re.compile(r"[0-9a-f]{24}"), "the next run of each kind makes its warm-up again"),
    "observer": (re.compile(r"[\w.]+-N\w+-[0-9a-f]{16}\.json"), "straw observe computes them again"),
    "models": (re.compile(r"[A-Za-z0-9][\w.-]*"), "straw models add NAME fetches them again"),
    "data": (re.compile(r"[0-9a-f]{24}\.jsonl"), "runs on rows that a program handed over cannot go on without them"),
}
CACHES = ("warmups", "observer", "abandoned")  # what `caches` means: all of it is made again by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Some files or folders of one kind."""

    name: str
    paths: tuple[Path, ...]
    num_bytes: int
    lost: str  # what goes with them


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldByRun:
    """One run folder; `weights` are its start and its checkpoints."""

    folder: Path
    name: str
    state: str
    steps: tuple[int, ...]  # of the checkpoints that are there
    num_bytes: int
    weights: int


def held_by_caches(runs: Path) -> list[Held]:
    """Every kind that holds anything; each model stands alone as well."""
    root = cache_folder()
    found = []
    for kind, (pattern, lost) in KINDS.items():
        paths = entries(root / kind, pattern)
        found.append(held(kind, paths, lost))
        if kind == "models":
            found += [held(f"models/{path.name}", [path], f"straw models add {path.name}") for path in paths]
    places = [root, *(root / kind for kind in KINDS), runs]
    left = [path for place in places for path in abandoned(place)]
    found.append(held("abandoned", left, "nothing: a process that was killed left them half written"))
    return [one for one in found if one.paths]


def held(name: str, paths: list[Path], lost: str) -> Held:
    return Held(name=name, paths=tuple(paths), num_bytes=sum(map(size_of, paths)), lost=lost)


def entries(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Files and folders, and no links, that straw would have named so."""
    names = sorted(os.listdir(folder)) if is_folder(folder) else []
    paths = [folder / name for name in names if pattern.fullmatch(name)]
    return [path for path in paths if is_folder(path) or is_file(path)]


def abandoned(folder: Path) -> list[Path]:
    """Folders that were to become something, and that no process writes any more."""
    return [path for path in entries(folder, STAGING) if is_folder(path) and is_free(path)]


def is_free(folder: Path) -> bool:
    with suppress(OSError):
        lock = open_folder(folder)
        try:
            return took_lock(lock) is not False
        finally:
            os.close(lock)
    return False


def held_by_runs(root: Path) -> Iterator[HeldByRun]:
    for folder in run_folders(root) if root.is_dir() else ():  # runs/ itself may lie on another disk
        yield held_by(folder, root)


def held_by(folder: Path, root: Path) -> HeldByRun:
    weights = size_of(folder / START) + size_of(folder / STEPS)
    name = folder.relative_to(root).as_posix() if folder != root else folder.name
    return HeldByRun(
        folder=folder, name=name, state=state_or_damaged(folder), steps=tuple(step_folders(folder)),
        num_bytes=size_of(folder), weights=weights,
    )  # fmt: skip


def state_or_damaged(folder: Path) -> str:
    try:
        return state_of(folder)
    except Exception:  # whatever stands in one folder, the others are shown
        return "damaged"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count nothing."""
    if is_file(path):
        return path.lstat().st_size
    if not is_folder(path):
        return 0
    total = 0
    for place, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += size_of(Path(place) / name)
    return total
