"""The live table of an engine's processes."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from straw.library.live.engine_table import engine_table
from straw.library.live.watcher import LiveWatcher
from straw.runs.progress import Progress

FACTS: dict[str, Any] = {
    "generators": [
        {"generator": 0, "state": "sampling", "replaced": 0, "tokens": 88200, "tokens_per_s": 1230.4},
        {"generator": 1, "state": "starting", "replaced": 2, "tokens": 0, "tokens_per_s": 0.0},
    ],
    "syncs": 120,
    "sync_s": 0.0541,
    "mean_sync_s": 0.06,
}


def shown(facts: dict[str, Any], row: dict[str, float]) -> list[str]:
    console = Console(record=True, width=80, file=StringIO())
    table = engine_table(facts, row)
    assert table is not None
    console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_every_generator_has_a_line_with_what_it_does() -> None:
    header, first, second, last = shown(FACTS, {"lag": 1.0, "stale_groups": 0})
    assert header.split() == ["generator", "state", "tokens/s", "tokens", "replaced"]
    assert first.split() == ["0", "sampling", "1,230", "88,200", "0"]
    assert second.split() == ["1", "starting", "0", "0", "2"]
    assert last == "weights taken over 120 times, 0.054 s the last time  lag 1.0"


def test_groups_that_were_dropped_are_told_when_there_are_some() -> None:
    assert shown(FACTS, {"lag": 1.5, "stale_groups": 3})[-1].endswith("lag 1.5  3 stale groups")
    assert shown({**FACTS, "syncs": 0}, {})[-1] == "weights taken over 0 times"


def test_without_processes_there_is_no_table() -> None:
    assert engine_table({}, {}) is None


def test_the_table_stands_below_the_live_lines() -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    watcher = LiveWatcher(quiet=False)
    watcher.look_at(lambda: FACTS)
    watcher.row = {"lag": 1.0}
    with Progress(3, "digits", console=console, below=watcher.engine) as bar:
        bar.update(1, {"episodes": 64})
    last = file.getvalue().split("\x1b[2K")[-1]
    assert "sampling" in file.getvalue() and "64 episodes" in file.getvalue()
    assert last.count("\n") >= 5
