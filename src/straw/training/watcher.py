"""Whoever looks on while a run goes on: a live table, a log, nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from straw.training.assemble import Plan


class Watcher(Protocol):
    def say(self, line: str) -> None:
        """A line that stays."""

    def begin(self, plan: Plan, folder: Path) -> None:
        """The folder is there and the first step is next."""

    def update(self, step: int, row: dict[str, float]) -> bool | None:
        """The metrics of a step. True: stop after it, with a checkpoint."""
