"""Where the runs are: every folder below the root that holds a run, found again when a folder has changed.

A run is told by the files it holds, as in `straw runs`. Links are not followed, what begins with a dot is not whole
yet, and the walk ends at a depth and a number: nobody can send the reader through a whole disk. Each run gets an id, a
sum of its path, and the page names runs by that alone: no path ever comes from a request.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from straw.report.runs.listing import FILES

DEEPEST, MOST_FOLDERS, MOST_RUNS = 6, 20_000, 2_000
NOT_RUNS = ("checkpoints", "start", "aside")


def id_of(name: str) -> str:
    return blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


class Finder:
    """Walks once, and then only where something was made or removed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.is_cut = False  # whether there is more than is shown
        self._changed_at: dict[Path, int] = {}  # of folders that are no runs
        self._runs: list[Path] = []

    def runs(self) -> list[Path]:
        """The folders, without a walk where no folder has changed since the last one."""
        if not self._changed_at or any(changed(path) != at for path, at in self._changed_at.items()):
            self._changed_at, self.is_cut, self._runs = {}, False, []
            self._runs = list(self._walk(self.root, 0))
        return self._runs

    def name_of(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path != self.root else path.name or "."

    def _walk(self, folder: Path, depth: int) -> Iterator[Path]:
        if len(self._changed_at) >= MOST_FOLDERS or len(self._runs) >= MOST_RUNS:
            self.is_cut = True
            return
        at = changed(folder)
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            return
        if sum(entry.name in FILES and not entry.is_dir(follow_symlinks=False) for entry in found) >= 2:
            self._runs.append(folder)
            yield folder
            return
        self._changed_at[folder] = at
        for entry in found if depth < DEEPEST else ():
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and entry.name not in NOT_RUNS:
                yield from self._walk(folder / entry.name, depth + 1)


def changed(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1
