"""Whoever looks on while a run goes on: a live table, a log, nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from straw.training.plan import Plan


class Watcher(Protocol):
    def say(self, line: str) -> None:
        """A line that stays."""

    def begin(self, plan: Plan, folder: Path) -> None:
        """The folder is there and the first step is next."""

    def look_at(self, facts: Callable[[], dict[str, Any]]) -> None:
        """Ask it whenever you like what the engine's processes do: nothing where there are none."""

    def update(self, step: int, row: dict[str, float]) -> bool | None:
        """The metrics of a step. True: stop after it, with a checkpoint."""
