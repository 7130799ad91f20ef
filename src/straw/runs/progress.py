"""What a person sees while a run goes on, and the table at its end.

    secret ━━━━━━━━━━━━━━━━━━━━ 120/200  0:05 left
    7,680 episodes  512/s  reward 0.412  bits known 3.10 of 6.00 (at step 115)  p(S) 0.134 (at step 115)

A number that was measured at an earlier step says at which. A terminal gets this live, at most four times a second,
drawn by the caller's own thread (none is started that could disturb a measurement). A file or a CI log gets it as one
plain line every few seconds. Pace and time left come from the last few seconds, so a slow start is soon forgotten.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from straw.text.shown.screen import Console, as_text

REDRAW_S, PLAIN_LINE_S = 0.25, 5.0  # of a terminal; of a log
BAR_WIDTH = 20
SHOWN = {
    "reward": ("reward", ".3f"), "bits_known": ("bits known", ".2f"), "p_secret": ("p(S)", ".3f"),
    "accuracy": ("accuracy", ".2f"), "eval_reward": ("held-out reward", ".3f"),
    "environments/solved": ("solved", ".2f"), "tools/call_frequency": ("calls a rollout", ".1f"),
    "tools/malformed": ("malformed", ".2f"), "environments/failed": ("failed", ".2f"),
    "environments/seconds": ("s in the environment", ".2f"),
    "sandbox/seconds": ("s in the sandbox", ".2f"),
    "ledger/received_bits": ("received", ".2f"), "ledger/offered_bits": ("offered", ".1f"),
    "ledger/usable_bits": ("usable", ".1f"),
}  # fmt: skip


class Progress:
    """The live lines of a run.

    Example:
        with Progress(total_steps=200, title="secret", ceiling_bits=6) as bar:
            bar.update(1, {"episodes": 64, "reward": 0.1})
    """

    def __init__(
        self,
        total_steps: int,
        title: str,
        *,
        ceiling_bits: float | None = None,
        quiet: bool = False,
        below: Callable[[], RenderableType | None] = lambda: None,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total_steps, self.title, self.ceiling_bits = total_steps, title, ceiling_bits
        self._console = Console(quiet=True) if quiet else console or Console(stderr=True)
        self._clock, self._below = clock, below
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal and not quiet
        self._live = Live(console=self._console, auto_refresh=False) if self._is_live else None
        self._pause_s = REDRAW_S if self._is_live else PLAIN_LINE_S
        self._step, self._values = 0, {"episodes": 0.0}
        self._told_at: dict[str, int] = {}  # the step of each value
        self._recent: deque[tuple[float, int, float]] = deque(maxlen=32)  # time, step, episodes
        self._shown_at, self._shown_step = float("-inf"), -1

    def update(self, step: int, values: Mapping[str, float | None]) -> None:
        """Take the newest numbers; a value that is not measured at every step stays until the next, with its step."""
        self._step, told = step, {name: value for name, value in values.items() if value is not None}
        self._values.update(told)
        self._told_at.update(dict.fromkeys(told, step))
        now = self._clock()
        if now - self._shown_at >= self._pause_s:
            self._show(now)

    def say(self, line: str) -> None:
        """A line that stays, above the live ones."""
        self._console.print(as_text(line), soft_wrap=True)

    def place(self) -> str:
        """Where the run stands: 120/200  0:05 left."""
        _, left_s = self._pace()
        left = f"  {_clock_face(left_s)} left" if left_s and self._step < self.total_steps else ""
        return f"{self._step}/{self.total_steps}{left}"

    def numbers(self) -> str:
        """What was counted and measured: 7,680 episodes  512/s  reward 0.412."""
        rate, _ = self._pace()
        parts = [f"{self._values['episodes']:,.0f} episodes"]
        parts += [f"{rate:,.0f}/s"] if rate else []
        parts += [self._number(name) for name in SHOWN if name in self._values]
        return "  ".join(parts)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._step and (self._shown_step != self._step or self._is_live):
            self._show(self._clock())
        if self._live:
            self._live.stop()

    def _show(self, now: float) -> None:
        self._recent.append((now, self._step, self._values["episodes"]))
        self._shown_at, self._shown_step = now, self._step
        if self._live:
            below = self._below()
            self._live.update(Group(self._picture(), *([below] if below is not None else [])), refresh=True)
        else:
            self._console.print(as_text(f"{self.title}  {self.place()}  {self.numbers()}"), soft_wrap=True)

    def _picture(self) -> Text:
        """Two lines, each cut where a narrow terminal ends."""
        stroke = "-" if self._console.options.ascii_only else "━"
        done = round(BAR_WIDTH * self._step / max(1, self.total_steps))
        bar = ((stroke * done, "green"), (stroke * (BAR_WIDTH - done), "bright_black"))
        first = Text.assemble(as_text(self.title, "bold"), " ", *bar, " ", self.place())
        return Text("\n", no_wrap=True, overflow="ellipsis").join([first, Text(self.numbers())])

    def _number(self, name: str) -> str:
        label, form = SHOWN[name]
        ceiling = f" of {self.ceiling_bits:.2f}" if name == "bits_known" and self.ceiling_bits is not None else ""
        age = f" (at step {told_at})" if (told_at := self._told_at[name]) < self._step else ""
        return f"{label} {self._values[name]:{form}}{ceiling}{age}"

    def _pace(self) -> tuple[float, float | None]:
        """Episodes per second and seconds left, by the steps of late."""
        if not self._recent:
            return 0.0, None
        (then, first_step, first_episodes), (now, step, episodes) = self._recent[0], self._recent[-1]
        taken_s, steps = now - then, step - first_step
        if taken_s <= 0 or steps <= 0:
            return 0.0, None
        return (episodes - first_episodes) / taken_s, (self.total_steps - step) * taken_s / steps


def end_table(
    title: str,
    rows: Iterable[Sequence[object]],
    *,
    header: Sequence[str] = (),
    run_folder: str | Path | None = None,
    console: Console | None = None,
) -> None:
    """A small table of key numbers, and below it where the run folder is.

    Example: end_table("secret", [("bits known", "5.98 of 6"), ("episodes", 640)], run_folder="runs/mine")
    """
    console = console or Console()
    table = Table(title=as_text(title, "bold"), title_justify="left", show_header=bool(header))
    cells = [[str(cell) for cell in row] for row in rows]
    for index in range(max(map(len, cells), default=1)):
        numbers = index > 0 and all(_is_number(row[index]) for row in cells if index < len(row))
        table.add_column(header[index] if header else "", justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(as_text, row))
    console.print(table)
    if run_folder is not None:
        console.print(as_text(f"run folder: {run_folder}"), soft_wrap=True)  # unbroken, to be copied


def _is_number(cell: str) -> bool:
    return cell[:1].lstrip("-").isdigit() or cell in ("", "-")


def _clock_face(seconds: float) -> str:
    """65 -> 1:05 and 3725 -> 1:02:05."""
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"
