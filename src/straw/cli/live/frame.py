"""One picture of runs that others are writing: a table, the curves of those that go on, the latest alarms.

Everything comes out of the run folders; nothing is asked of the processes that write them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from straw.cli.live.tail import Tail
from straw.errors import StrawError
from straw.library.live.board import shown
from straw.report.curves.curve import Curve, is_number, metric_curve, thinned
from straw.report.curves.terminal import draw_text
from straw.report.runs.listing import run_folders
from straw.runs.metrics import MEASURED
from straw.runs.reading import EVENTS, METRICS, read_about, read_config, state_of
from straw.text.shown.screen import as_text
from straw.text.shown.visible import visible

MOST_ROWS, MOST_CURVES, MOST_ALARMS = 12, 6, 3
LOOK_AGAIN_S = 5.0  # for folders that are new
OF_TOOLS = {  # where there is an environment
    "calls": ("tools/call_frequency", ".1f"), "failed": ("environments/failed", ".0%"),
    "env s": ("environments/seconds", ".2f"),
}  # fmt: skip
COLUMNS = ("run", "state", "step", "episodes", "episodes/s", "reward", "known", "of", "at")


@dataclass(slots=True)
class Watched:
    """One run folder and what was read of it."""

    folder: Path
    name: str
    metrics: Tail
    events: Tail
    steps: int | None = None
    ceiling: float | None = None
    state: str = ""

    @classmethod
    def of(cls, folder: Path, root: Path) -> Watched:
        name = folder.relative_to(root).as_posix() if folder != root else folder.name
        found = cls(folder=folder, name=name, metrics=Tail(folder / METRICS), events=Tail(folder / EVENTS))
        try:
            steps, ceiling = read_config(folder).get("run", {}).get("n_batches"), read_about(folder).get("ceiling_bits")
        except (StrawError, AttributeError):
            return found
        found.steps = steps if isinstance(steps, int) else None
        found.ceiling = number(ceiling)
        return found

    def look(self) -> None:
        try:
            self.state = state_of(self.folder)
        except StrawError:
            self.state = "damaged"
        self.metrics.read()
        self.events.read()

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.metrics.rows

    @property
    def goes_on(self) -> bool:
        return self.state == "running"

    def last(self, metric: str) -> tuple[float, Any] | None:
        """The newest value of a metric and the step it was measured at."""
        for row in reversed(self.rows):
            if is_number(row.get(metric)):
                return float(row[metric]), row.get("step")
        return None

    @property
    def measured(self) -> str:
        """What is measured of its task: the first of these that it has."""
        return next((name for name in MEASURED if self.last(name)), "reward")


@dataclass(slots=True)
class Watch:
    """All runs below a folder, or the one that it is."""

    root: Path
    runs: dict[Path, Watched] = field(default_factory=dict)
    looked_at: float = float("-inf")

    def look(self) -> None:
        if time.monotonic() - self.looked_at > LOOK_AGAIN_S:
            for folder in run_folders(self.root):
                if folder not in self.runs:
                    self.runs[folder] = Watched.of(folder, self.root)
            self.looked_at = time.monotonic()
        for run in self.runs.values():
            if run.state not in ("done", "damaged"):
                run.look()

    def frame(self, width: int, height: int, unicode: bool = True) -> RenderableType:
        runs = self.in_order()
        if not runs:
            return as_text(f"no runs under {self.root} yet; straw train begins one in another terminal")
        parts: list[RenderableType] = [self.table(runs[:MOST_ROWS], width), Text(counts(runs))]
        drawn = [run for run in runs if run.goes_on][:MOST_CURVES] or runs[:1]
        room = height - min(len(runs), MOST_ROWS) - 8 - MOST_ALARMS - len(drawn)
        parts += curves(drawn, max(20, min(64, width - 8)), max(4, min(14, room)), unicode)
        return Group(*parts, *alarms(drawn))

    def in_order(self) -> list[Watched]:
        """Those that go on first, then the newest."""
        return sorted(self.runs.values(), key=lambda run: (not run.goes_on, -changed(run.folder / METRICS), run.name))

    def table(self, runs: Sequence[Watched], width: int) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        tools = OF_TOOLS if any(run.last("environments/turns") for run in runs) else {}
        for column in (*COLUMNS, *tools):
            table.add_column(column, justify="left" if column in ("run", "state") else "right", no_wrap=True)
        for run in runs:
            own = [of_tool(run, *one) for one in tools.values()]
            table.add_row(*map(as_text, [*cells(run, width // 3), *own]))
        return table


def of_tool(run: Watched, metric: str, form: str) -> str:
    found = run.last(metric)
    return shown(found[0] if found else None, form)


def cells(run: Watched, longest: int) -> list[str]:
    row = run.rows[-1] if run.rows else {}
    reward, known = run.last("reward"), run.last(run.measured)
    step = shown(number(row.get("step")), ",.0f") + (f"/{run.steps:,}" if run.steps else "")
    name = run.name if len(run.name) <= longest else f"…{run.name[1 - longest :]}"
    return [
        name, run.state, step, shown(number(row.get("episodes")), ",.0f"), shown(pace(run.rows), ",.0f"),
        shown(reward[0] if reward else None, ".3f"), shown(known[0] if known else None, ".2f"),
        f"{run.ceiling:.2f} bits" if run.ceiling is not None else run.measured,
        f"{known[1]}" if known and known[1] != row.get("step") else "",
    ]  # fmt: skip


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and is_number(value) else None


def pace(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Episodes a second, over the last rows."""
    some = [row for row in rows[-20:] if is_number(row.get("time_s")) and is_number(row.get("episodes"))]
    if len(some) < 2 or (taken := some[-1]["time_s"] - some[0]["time_s"]) <= 0:
        return None
    return float((some[-1]["episodes"] - some[0]["episodes"]) / taken)


def counts(runs: Sequence[Watched]) -> str:
    states = Counter(run.state for run in runs)
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    more = f"; {len(runs) - MOST_ROWS} are not shown" if len(runs) > MOST_ROWS else ""
    return f"{len(runs)} runs: {told}{more}" if len(runs) > 1 else ""


def curves(runs: Sequence[Watched], width: int, height: int, unicode: bool) -> list[RenderableType]:
    """Those of what most of them measure, as every command draws them."""
    metric = Counter(run.measured for run in runs).most_common(1)[0][0]
    drawn: list[Curve] = [thinned(metric_curve(drawable(run.rows), metric, run.name)) for run in runs]
    if not any(len(curve.episodes) > 1 for curve in drawn):
        return [Text("no curve yet: it takes two measurements")]
    is_bits = metric == "bits_known"
    ceiling = max((run.ceiling for run in runs if run.ceiling is not None), default=None)
    return [
        draw_text(
            drawn, ceiling_bits=ceiling if is_bits else None, unit="bits" if is_bits else "", width=width,
            height=height, unicode=unicode, title=f"{metric.replace('_', ' ')} against episodes",
        )
    ]  # fmt: skip


def drawable(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if is_number(row.get("episodes"))]


def alarms(runs: Sequence[Watched]) -> list[Text]:
    """The newest of each run, and what a failed run said last."""
    found = []
    for run in runs:
        for event in [one for one in run.events.rows if one.get("event") in ("alarm", "failed")][-MOST_ALARMS:]:
            what = event.get("advice") or event.get("error") or ""
            line = f"{run.name} step {event.get('step')}: {event.get('name', event.get('event'))}: {what}"
            found.append(Text(visible(line), style="red", no_wrap=True, overflow="ellipsis"))
    return found[-MOST_ALARMS * 2 :]


def changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
