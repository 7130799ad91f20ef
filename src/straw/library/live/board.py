"""Runs side by side as a person sees them: a table that stays at the bottom, lines above it.

    run      state        episodes  episodes/s  reward  bits known   p(S)  measured at
    binary   step 40/96        160         140    0.25        1.92  0.059          152
    8 bins   warming up

Of many runs only those that are going on are shown, with a count of the others. A log gets the lines alone.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.live import Live
from rich.table import Table

from straw.library.jobs.worker import MEASURED_AT
from straw.text.shown.screen import Console, as_text

MANY = 12  # rows fit on every screen
REDRAW_S = 0.5
WAITING = "waiting"
ENDED = ("done", "failed", "stopped", "there already")


@dataclass(slots=True)
class Board:
    """What is known of every run, as a table."""

    labels: list[str]
    state: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    def take(self, label: str, what: str, value: Any) -> str | None:
        """Note a message; returns a line to print, if it is a new one."""
        if what == "say":
            self.state.setdefault(label, "warming up")
            is_new = value not in self.said  # runs that share a warm-up say the same of it
            self.said.add(value)
            return f"{label}: {value}" if is_new else None
        if what == "begin":
            self.totals[label] = value
        elif what == "end":
            self.state[label] = value
        else:
            step, row = value
            self.rows[label] = {**self.rows.get(label, {}), **row}
            self.state[label] = "done" if step == self.totals.get(label) else f"step {step}/{self.totals.get(label)}"
        return None

    def table(self) -> Table:
        going_on = [label for label in self.labels if self.state.get(label, WAITING) not in (WAITING, *ENDED)]
        shown_labels = self.labels if len(self.labels) <= MANY else going_on
        table = Table(box=None, pad_edge=False, header_style="bold", caption=self.count(), caption_justify="left")
        for column in ("run", "state", "episodes", "episodes/s", "reward", "bits known", "p(S)", "measured at"):
            table.add_column(column, justify="left" if column in ("run", "state") else "right")
        for label in shown_labels:
            row = self.rows.get(label, {})
            rate = row["episodes"] / row["time_s"] if row.get("time_s") and row.get("episodes") else None
            table.add_row(
                label, self.state.get(label, WAITING), shown(row.get("episodes"), ",.0f"), shown(rate, ",.0f"),
                shown(row.get("reward"), ".2f"), shown(row.get("bits_known"), ".2f"), shown(row.get("p_secret"), ".3f"),
                shown(row.get(MEASURED_AT), ",.0f"),
            )  # fmt: skip
        return table

    def count(self) -> str | None:
        """12 done, 1 failed, 30 waiting of 45 runs; nothing where all are shown."""
        if len(self.labels) <= MANY:
            return None
        states = Counter(self.state.get(label, WAITING) for label in self.labels)
        parts = [f"{states[state]} {state}" for state in (*ENDED, WAITING) if states[state]]
        return f"{', '.join(parts)} of {len(self.labels)} runs"


def shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


class LiveBoard:
    """A board on a console, redrawn by whoever hands it the messages."""

    def __init__(self, labels: list[str], *, console: Console | None = None) -> None:
        self.board, self.console = Board(labels), console or Console()
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._is_seen = self.console.is_terminal and not self.console.is_dumb_terminal
        self._drawn_at = float("-inf")

    def on_event(self, label: str, what: str, value: Any) -> None:
        if line := self.board.take(label, what, value):
            self.say(line)
        if time.monotonic() - self._drawn_at >= REDRAW_S:
            self.draw()

    def say(self, line: str) -> None:
        """A line that stays."""
        self.console.print(as_text(line, lines=True), soft_wrap=True)

    def draw(self) -> None:
        self._drawn_at = time.monotonic()
        if self._is_seen:
            self._live.update(self.board.table(), refresh=True)

    def __enter__(self) -> Self:
        if self._is_seen:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._is_seen:
            self._live.stop()
