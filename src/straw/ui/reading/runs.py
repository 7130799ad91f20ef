"""All runs below a folder, looked at no more than once a second however many people look.

    runs.refresh()          nothing where the last look is younger than a second
    runs.since(version)     the runs that changed after a version

A look at a folder that did not change is a few stats. Reading what is old, when the page is opened on a store of long
runs, is spread over looks: each ends when its time is over, and the runs that somebody has opened come first.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from straw.ui.reading.find import Finder
from straw.ui.reading.held import Held
from straw.ui.reading.run import Run

EVERY_S, SELDOM_S = 1.0, 10.0
QUIET, SOMETIMES = 10, 5  # looks
SHARE = 0.003  # of a core for the whole process: what took long is followed by a longer pause, but for old rows
BUDGET_S = 0.7  # of reading old rows in one look; what was just appended takes far less


class Runs:
    """The runs, by id; what is asked of it goes through its lock."""

    def __init__(self, root: Path) -> None:
        self.root, self.lock = root, threading.RLock()
        self.version = 0
        self.by_id: dict[str, Run] = {}
        self.removed: dict[str, int] = {}  # id -> version
        self.wanted: set[str] = set()  # are read first
        self._finder, self._held = Finder(root), Held()
        self._due_at = float("-inf")
        self._looked_at, self._spent_s = float("-inf"), 0.0  # when the last look began, and the CPU spent by then

    @property
    def is_cut(self) -> bool:
        return self._finder.is_cut

    def refresh(self) -> None:
        """Look, unless somebody just did."""
        with self.lock:
            if time.monotonic() < self._due_at:
                return
            self._looked_at, self._spent_s = time.monotonic(), time.process_time()
            self.version += 1
            self._find()
            self._look()
            self.rest()

    def rest(self) -> None:
        """What the process spent since the last look began, on it and on telling of it, puts the next one off; not
        while old rows are read.
        """
        is_reading = any(not run.version or run.more for run in self.by_id.values())
        pause_s = 0.0 if is_reading else min((time.process_time() - self._spent_s) / SHARE, SELDOM_S)
        self._due_at = self._looked_at + max(EVERY_S * 0.9, pause_s)

    def _find(self) -> None:
        there = self._finder.runs()
        known = {run.path for run in self.by_id.values()}
        for path in there:
            if path not in known:
                run = Run(path, self._finder.name_of(path))
                self.by_id[run.id] = run
        for gone in known - set(there):
            found = next(id for id, run in self.by_id.items() if run.path == gone)
            del self.by_id[found]
            self.removed[found] = self.version

    def _look(self) -> None:
        self._held.look()
        order = sorted(
            filter(self._is_due, self.by_id.values()), key=lambda run: (run.id not in self.wanted, run.version)
        )
        end = time.monotonic() + BUDGET_S
        for run in order:
            if time.monotonic() > end and run.version == 0:
                continue  # never looked at: the next time
            if run.look(self._held):
                run.mark(self.version)
        for run in order:
            while run.more and time.monotonic() < end:
                run.look(self._held)
                run.mark(self.version)

    def _is_due(self, run: Run) -> bool:
        """What has long been quiet is looked at every fifth time, each in its turn."""
        is_quiet = run.version and run.state != "running" and self.version - run.version > QUIET and not run.more
        return not is_quiet or run.id in self.wanted or (self.version + hash(run.id)) % SOMETIMES == 0

    def get(self, id: str) -> Run | None:
        return self.by_id.get(id)

    def since(self, version: int) -> list[Run]:
        return [run for run in self.by_id.values() if run.version > version]

    def rows(self, version: int = 0) -> dict[str, Any]:
        """What changed after a version: the rows of the list, and the ids of runs that are gone."""
        return {
            "version": self.version,
            "runs": [run.row(version) for run in self.since(version)],
            "removed": [id for id, at in self.removed.items() if at > version] if version else [],
            "reading": sum(run.version == 0 or run.more for run in self.by_id.values()),
            "cut": self.is_cut,
        }
