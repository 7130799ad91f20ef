"""One run as it is watched: what it was told, read once; what it writes, read as it grows; and its row in the list.

    run.look(held, deadline)     reads what is new; True when anything that is shown has changed
    run.row()                    the line of the list
    run.facts()                  all of it but the curves and the rollouts

Whatever stands in one folder, the others are shown: what cannot be read is told as the run's `damage`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from straw.errors import StrawError
from straw.files import PAGE, is_file, parse_json, parse_toml, read_file
from straw.report.curves.curve import is_number
from straw.report.runs.options_diff import ceiling_bits, chosen, filled_in, flat, reward_name
from straw.runs.metrics import MEASURED
from straw.runs.reading import ABOUT, CONFIG, DONE, EVENTS, METRICS, read_about
from straw.ui.reading.columns import MOST_NAMES, Columns
from straw.ui.reading.find import changed, id_of
from straw.ui.reading.held import Held
from straw.ui.reading.page_lines import page_lines
from straw.ui.reading.sweep_name import place_of
from straw.ui.reading.tail import Tail

LATE = 10  # rows of the mean reward
MOST_EVENTS = 300  # kept, the newest
MOST_CURVES, READ_AT_ONCE = MOST_NAMES, 20_000  # of a run; rows that are read before an answer
RECORD = 1 << 20  # bytes of done.json


class Run:
    """A run folder that somebody looks at."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.id = path, name, id_of(name)
        self.place = place_of(name)
        self.version = 0  # of the newest change, by the clock of `Runs`
        self.state, self.damage = "stopped", ""
        self.config: dict[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.lines: list[dict[str, str]] = []
        self.done: dict[str, Any] = {}
        self.ceiling: float | None = None
        self.options: dict[str, str] = {}
        self.reward = ""
        self.columns, self.late = Columns(), deque[float](maxlen=LATE)
        self.events, self.num_alarms = deque[dict[str, Any]](maxlen=MOST_EVENTS), 0
        self.metrics, self.history = Tail(path / METRICS), Tail(path / EVENTS)
        self.changed_at = time.time()
        self._folder_at, self._is_done = -2, False
        self._told_at = self._known_told_at = (-2, -2)  # when config and record were written
        self._spark: tuple[object, ...] = ()
        self._spark_at = self._page_at = 0  # versions

    # --- looking

    def look(self, held: Held) -> bool:
        """Whether anything that is shown has changed. A run that is done costs one stat."""
        at = changed(self.path)
        folder_changed, self._folder_at = at != self._folder_at, at
        if self._is_done and not folder_changed and not self.metrics.more:
            return False
        told = self._look_at_page() if folder_changed else False
        if folder_changed:
            self._is_done = is_file(self.path / DONE)
            self.done = self._record(DONE) if self._is_done else {}
        rows, events = self._look_at_rows(), self._look_at_events()
        state = self._state(held, has_changed=rows or events or folder_changed)
        told, self.state = told or state != self.state, state
        self.changed_at = self.metrics.changed_at or self.changed_at
        return told or rows or events

    def keep(self, names: Iterable[str]) -> None:
        """Keep these numbers as curves too, up to so many: what was read before is read once more for them."""
        kept = self.columns.by_name
        new = [name for name in names if name not in kept and self.columns.can_be(name)][: MOST_CURVES - len(kept)]
        if not new:
            return
        self.metrics.begin_again()
        self.columns = Columns([*kept, *new])
        while self.metrics.more and self.columns.rows < READ_AT_ONCE:
            self._look_at_rows()

    @property
    def more(self) -> bool:
        return self.metrics.more or self.history.more

    def _look_at_page(self) -> bool:
        """Config and record, where either has changed: in a folder of ours they are written whole and renamed."""
        told_at = (changed(self.path / CONFIG), changed(self.path / ABOUT))
        if told_at == self._told_at:
            return False
        self._told_at, self.damage = told_at, ""
        try:
            text = read_file(self.path / CONFIG, PAGE).decode()
            self.config, self.lines = parse_toml(text), page_lines(text)
            self.about = read_about(self.path)
            self.ceiling = ceiling_bits(self.config, self.about)
            self.options, self.reward = flat(self.config), reward_name(self.config)
        except Exception as problem:
            self.damage = str(problem) if isinstance(problem, StrawError) else f"{CONFIG} cannot be read: {problem}"
        return True

    def _look_at_rows(self) -> bool:
        generation, unreadable = self.metrics.generation, self.metrics.unreadable
        rows = self.metrics.look()
        if self.metrics.generation != generation:
            self.columns = Columns(self.columns.by_name)
            self.late.clear()
        for row in rows:
            self.columns.take(row)
            if is_number(row.get("reward")):
                self.late.append(row["reward"])
        return bool(rows) or (generation, unreadable) != (self.metrics.generation, self.metrics.unreadable)

    def _look_at_events(self) -> bool:
        generation = self.history.generation
        found = self.history.look()
        if self.history.generation != generation:
            self.events.clear()
            self.num_alarms = 0
        self.events.extend(found)
        self.num_alarms += sum(event.get("event") == "alarm" for event in found)
        return bool(found) or self.history.generation != generation

    def _state(self, held: Held, *, has_changed: bool) -> str:
        if self._is_done:
            return "done"
        if held.is_running(self.path, has_changed=has_changed):
            return "running"
        return "failed" if self.events and self.events[-1].get("event") == "failed" else "stopped"

    def _record(self, name: str) -> dict[str, Any]:
        try:
            found = parse_json(read_file(self.path / name, RECORD))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    # --- telling

    @property
    def measured(self) -> str:
        return next((name for name in (*MEASURED, "reward") if self.columns.has(name)), MEASURED[0])

    @property
    def condition(self) -> str:
        return self.place.condition if self.place else self.name

    @property
    def problem(self) -> str:
        """What is wrong with the folder, '' where all is well."""
        lines = self.metrics.unreadable + self.history.unreadable
        parts = [self.damage, f"{METRICS}: {self.metrics.problem}" if self.metrics.problem else ""]
        parts += [f"{lines} lines cannot be read, passed over" if lines else ""]
        parts += [f"{self.columns.left_out} rows have more numbers than are shown" if self.columns.left_out else ""]
        return "; ".join(part for part in parts if part)

    def mark(self, version: int) -> None:
        """Something has changed, and which parts of the row that is: what stays is not told again."""
        column = self.columns.by_name.get(self.measured)
        spark = (self.measured, self.metrics.generation, len(column) // column.spark_size if column else 0)
        if spark != self._spark:
            self._spark, self._spark_at = spark, version
        if self._told_at != self._known_told_at:
            self._known_told_at, self._page_at = self._told_at, version
        self.version = version

    def row(self, since: int = 0) -> dict[str, Any]:
        """The run in the list, or what of it has changed after a version."""
        last = self.columns.last
        row = {
            "id": self.id,
            "state": "damaged" if self.damage else self.state,
            "changed": round(self.changed_at, 1),
            "step": self.columns.last_step,
            "episodes": last("episodes"),
            "reward": sum(self.late) / len(self.late) if self.late else None,
            "value": last(self.measured),
            "alarms": self.num_alarms,
            "problem": self.problem,
        }
        if self._spark_at > since:
            row |= {
                "measured": self.measured,
                "ceiling": self.ceiling if self.measured == "bits_known" else None,
                "spark": self.columns.sparkline(self.measured),
            }
        return row | (self._lasting() if self._page_at > since else {})

    def _lasting(self) -> dict[str, Any]:
        options, run = self.options, self.config.get("run")
        return {
            "name": self.name,
            "started": number(self.about.get("started")),
            "of": number(run.get("n_batches")) if isinstance(run, dict) else None,
            "what": f"{options.get('kind', '')} {self.reward} {options.get('model_name', '')}".strip()[:160],
            **(self.place._asdict() if self.place else {"sweep": None}),
        }

    def facts(self) -> dict[str, Any]:
        return {
            **self.row(),
            "page": self.lines,
            "chosen": self._told(chosen),
            "filled_in": self._told(filled_in),
            "about": {name: value for name, value in self.about.items() if name != "config"},
            "events": list(self.events),
            "metrics": self.columns.names,
            "last": {name: self.columns.newest[name] for name in self.columns.names},
            "done": self.done,
        }

    def _told(self, how: Any) -> dict[str, str]:
        try:
            found: dict[str, str] = how(self.config)
        except Exception:  # a page of another version, or of a stranger
            return {}
        return found


def number(value: object) -> float | None:
    return value if is_number(value) else None  # type: ignore[return-value]
