"""A run as a notebook shows it: one output, drawn anew, with what was said, a bar, the numbers and their curve."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from straw.library.jobs.stop_signal import StopSignal
from straw.library.live.watcher import label_of
from straw.runs.metrics import MEASURED
from straw.runs.progress import Progress
from straw.text.shown.visible import visible
from straw.training.plan import Plan

REDRAW_S = 0.5
MOST_LINES = 12  # of what was said
WIDTH, HEIGHT, EDGE = 420, 90, 3  # of the curve, in pixels
FEWEST = 2  # points of a curve
METRICS = (*MEASURED, "reward")  # the first that a run has is drawn


class NotebookWatcher:
    """Draws in the output of the cell that called, at most twice a second."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.progress: Progress | None = None
        self.title, self.step, self.steps = "", 0, 0
        self.points: dict[str, list[tuple[float, float]]] = {}
        self.stop = StopSignal()
        self.drawn_at = float("-inf")
        self.handle: Any = None

    def say(self, line: str) -> None:
        self.lines.append(visible(line))
        self.draw()

    def begin(self, plan: Plan, folder: Path) -> None:
        self.steps, self.title = int(plan.page.run.n_batches or 0), label_of(plan)
        self.progress = Progress(self.steps, self.title, ceiling_bits=plan.ceiling_bits, quiet=True)
        self.stop.listen(self.say)
        self.say(f"run folder {folder}")

    def look_at(self, facts: Callable[[], dict[str, Any]]) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> bool:
        self.step = step
        for name in METRICS:
            if row.get(name) is not None:
                self.points.setdefault(name, []).append((row["episodes"], row[name]))
        if self.progress is not None:
            self.progress.update(step, row)
        if step == self.steps or time.monotonic() - self.drawn_at >= REDRAW_S:
            self.draw()
        return self.stop.was_heard

    def end(self) -> None:
        self.stop.ignore()
        self.draw()

    def draw(self) -> None:
        from IPython.display import HTML, display

        self.drawn_at, shown = time.monotonic(), HTML(self.html())
        if self.handle is None:
            self.handle = display(shown, display_id=True)
        else:
            self.handle.update(shown)

    def html(self) -> str:
        """Every text is escaped: names come from data and pages."""
        said = "".join(f"<div>{escape(line)}</div>" for line in self.lines[-MOST_LINES:])
        if self.progress is None:
            return said
        return (
            f"{said}<div><b>{escape(visible(self.title))}</b> "
            f'<progress value="{self.step}" max="{max(1, self.steps)}"></progress> '
            f"{escape(self.progress.place())}</div><div>{escape(self.progress.numbers())}</div>{self.curve()}"
        )

    def curve(self) -> str:
        """The first metric that was measured often enough, against episodes."""
        name = next((name for name in METRICS if len(self.points.get(name, ())) >= FEWEST), None)
        if name is None:
            return ""
        points = self.points[name][:: len(self.points[name]) // WIDTH + 1]
        last = points[-1][0] or 1
        low, high = min(value for _, value in points), max(value for _, value in points)
        places = " ".join(
            f"{EDGE + (WIDTH - 2 * EDGE) * episodes / last:.1f},"
            f"{HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / ((high - low) or 1):.1f}"
            for episodes, value in points
        )
        return (
            f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{name} from {low:.3g} to {high:.3g}">'
            f'<polyline points="{places}" fill="none" stroke="#0072B2" stroke-width="2"/></svg>'
            f"<div>{name.replace('_', ' ')}: {low:.3g} to {high:.3g}</div>"
        )
