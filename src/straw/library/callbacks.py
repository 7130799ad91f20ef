"""Callbacks of a run: objects with any of these, or a plain function in place of `on_step`.

    on_begin(run)              the run folder is there, and the first step is next
    on_step(step, metrics)     behind every step (0: before the first); True stops the run behind it, with a checkpoint
    on_end(run)                the run is done, or was stopped

TRL calls them on_train_begin, on_step_end and on_train_end, with arguments of its own. What one raises ends the run,
whose newest checkpoint is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from straw.errors import ConfigError
from straw.library.live.watchers import Shown
from straw.library.run import Run
from straw.training.plan import Plan

NAMES = ("on_begin", "on_step", "on_end")


class Told:
    """A run's watcher: somebody who shows it, and callbacks."""

    def __init__(self, shown: Shown, callbacks: Sequence[Any], run: Callable[[Path], Run]) -> None:
        self.shown, self.callbacks, self.run = shown, [checked(one) for one in callbacks], run

    def say(self, line: str) -> None:
        self.shown.say(line)

    def begin(self, plan: Plan, folder: Path) -> None:
        self.shown.begin(plan, folder)
        self.tell("on_begin", self.run(folder))

    def look_at(self, facts: Callable[[], dict[str, Any]]) -> None:
        self.shown.look_at(facts)

    def update(self, step: int, row: dict[str, float]) -> bool:
        wishes = self.tell("on_step", step, dict(row))
        return any([*wishes, self.shown.update(step, row)])

    def tell(self, name: str, *facts: Any) -> list[bool]:
        """Which of them answered True."""
        hooks = [getattr(one, name, None) for one in self.callbacks]
        return [hook(*facts) is True for hook in hooks if hook is not None]


class EveryStep:
    """A function that is called behind every step."""

    def __init__(self, on_step: Callable[[int, dict[str, float]], Any]) -> None:
        self.on_step = on_step


def checked(callback: Any) -> Any:
    if not isinstance(callback, type):
        if any(hasattr(callback, name) for name in NAMES):
            return callback
        if callable(callback):
            return EveryStep(callback)
    raise ConfigError(
        f"a callback is an object with on_begin(run), on_step(step, metrics) or on_end(run), or a function in place of "
        f"on_step; got {callback!r:.80}"
    )
