"""Which runs somebody is writing, told without touching their locks.

To try a lock is to hold it for a moment, and a run that starts in that moment would be refused. So the system's own
list of locks is read once for all runs. Where there is none, or where it cannot show the lock (of another container, of
a shared disk), the lock is tried after all, but only when a run has changed, and then not again for a while.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from straw.runs.files.lock import HELD, NAME, is_held

AGAIN_S = 30.0  # between two tries of one lock


class Held:
    """Whose locks are held."""

    def __init__(self) -> None:
        self._listed: set[str] | None = None
        self._tried: dict[Path, tuple[float, bool]] = {}
        self._was_listed: set[Path] = set()

    def look(self) -> None:
        """Read the system's list, once for all that is asked next."""
        try:
            lines = HELD.read_text().splitlines()
        except OSError:
            self._listed = None
        else:
            self._listed = {word for line in lines if "FLOCK" in line for word in line.split() if word.count(":") == 2}

    def is_running(self, folder: Path, *, has_changed: bool) -> bool:
        if self._listed is not None and place_of(folder / NAME) in self._listed:
            self._was_listed.add(folder)
            return True
        if folder in self._was_listed:  # and is not any more
            self._was_listed.discard(folder)
            self._tried[folder] = (time.monotonic(), False)
            return False
        at, was = self._tried.get(folder, (-AGAIN_S, False))
        if (has_changed or was or at < 0) and time.monotonic() - at >= AGAIN_S:
            was = is_held(folder)
            self._tried[folder] = (time.monotonic(), was)
        return was


def place_of(path: Path) -> str:
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
