"""What is new, as server-sent events: the list's rows, and the points of the curves that a page has open.

    event: runs       {"version": 7, "runs": [row, ...], "removed": [id, ...]}       what changed in the list
    event: points     [{"id": ..., "metric": "reward", "from": 12, "steps": [...], "values": [...]}, ...]

Each viewer has a loop that looks once a second and ends when the page goes away, so nobody looking is nothing done. A
curve is told from the first point that may have changed: the page cuts its own there and adds these.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from straw.ui.reading.run import Run
from straw.ui.reading.runs import EVERY_S, Runs
from straw.ui.server.shown import shown

PING_S = 15.0
Place = tuple[int, int, int, int]  # generation, stride, full points, rows


class Viewer:
    """What one page has been told."""

    def __init__(self, runs: Runs, ids: Sequence[str], metrics: Sequence[str], version: int = 0) -> None:
        self.runs, self.ids, self.metrics, self.version = runs, ids, metrics, version
        self._places: dict[tuple[str, str], Place] = {}

    def news(self) -> list[tuple[str, str]]:
        """Events and their data, in order; called in a thread, for it may read files."""
        with self.runs.lock:
            self.runs.refresh()
            found: list[tuple[str, Any]] = []
            since, self.version = self.version, self.runs.version
            if since == self.version and self._places:
                return []
            rows = self.runs.rows(since)
            if rows["runs"] or rows["removed"] or not since:
                found.append(("runs", rows))
            changed = [run for run in map(self.runs.get, self.ids) if run and (run.version > since or not self._places)]
            for run in changed:
                run.keep(self.metrics)
            points = [one for run in changed for name in self.metrics if (one := self.points(run, name)) is not None]
            news = [(name, dumped(value)) for name, value in [*found, *([("points", points)] if points else [])]]
            if since:  # the first answer is a whole list, and once
                self.runs.rest()
            return news

    def points(self, run: Run, name: str) -> dict[str, Any] | None:
        """A curve's points from the first that is new; None where there are none."""
        column = run.columns.by_name.get(name)
        if column is None or not column.rows:
            return None
        known = self._places.get((run.id, name), (-1, 0, 0, -1))
        now = (run.metrics.generation, column.stride, len(column), column.rows)
        if now == known:
            return None
        begin = known[2] if now[:2] == known[:2] else 0
        self._places[run.id, name] = now
        steps, values = column.since(begin)
        return {"id": run.id, "metric": name, "from": begin, "steps": steps, "values": values, "stride": column.stride}


async def events(viewer: Viewer) -> AsyncIterator[bytes]:
    """Until the page goes away, which cancels this."""
    quiet_s = 0.0
    yield b"retry: 2000\n\n"
    while True:
        for name, value in await run_in_threadpool(viewer.news):
            quiet_s = 0.0
            yield f"event: {name}\nid: {viewer.version}\ndata: {value}\n\n".encode()
        if quiet_s >= PING_S:
            quiet_s = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(EVERY_S)
        quiet_s += EVERY_S


def dumped(value: Any) -> str:
    return json.dumps(shown(value), separators=(",", ":"), allow_nan=False)
