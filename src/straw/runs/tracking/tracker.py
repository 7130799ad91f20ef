"""The tracker that a page names, beside the run's files and never instead of them.

    metrics.jsonl ──► every row ──► wandb | trackio | tensorboard

The files are the truth: a tracker is brought up to date from them when it opens, so a resumed run, a branch, or a
tracker that lost its last rows goes on without a gap. Which run of the tracker this is stands in tracker.json. What
goes wrong in a tracker is said once and written down as an event, and the run goes on without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from os.path import lexists
from secrets import token_hex
from typing import Any

from straw.config import Page
from straw.errors import ConfigError, RunError
from straw.files import is_folder
from straw.runs.files.atomic_write import write_whole
from straw.runs.files.jsonl import json_line
from straw.runs.reading import read_about, read_json, read_metrics
from straw.runs.store import RunFolder
from straw.runs.tracking.backends import BACKENDS, Backend, TrackerRun

FILE = "tracker.json"
FOLDERS = ("wandb", "tensorboard")  # theirs, in the run's
NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Tracker:
    """Sends rows to a tracker, or to nobody; made by `tracker_for`."""

    def __init__(self, name: str, folder: RunFolder, say: Callable[[str], None]) -> None:
        self.name, self.folder, self.say = name, folder, say
        self._backend: Backend | None = None
        self._last_step = 0

    def open(self, config: Mapping[str, Any]) -> None:
        """Begin a run of the tracker or go on with it, and send what it has not got."""
        try:
            self._check_folders()
            self._backend = BACKENDS[self.name].open(self._run(), config)
            for row in read_metrics(self.folder.path):
                self._send(row)
        except Exception as error:
            self._give_up(error)

    def log(self, row: Mapping[str, Any]) -> None:
        """A row of metrics.jsonl, written there before."""
        try:
            self._send(row)
        except Exception as error:
            self._give_up(error)

    def close(self, failed: bool = False) -> None:
        """All rows are sent when this returns."""
        backend, self._backend = self._backend, None
        try:
            if backend is not None:
                backend.close(failed)
        except Exception as error:
            self._give_up(error)

    def _send(self, row: Mapping[str, Any]) -> None:
        self._last_step = row["step"]
        if self._backend is not None and row["step"] >= self._backend.next_step:
            values = {name: value for name, value in row.items() if name != "step" and value is not None}
            self._backend.log(row["step"], values)

    def _check_folders(self) -> None:
        """A tracker writes where we tell it to, links or not."""
        for name in FOLDERS:
            if lexists(self.folder.path / name) and not is_folder(self.folder.path / name):
                raise RunError(f"{self.folder.path / name} is no folder of this run: remove it")

    def _run(self) -> TrackerRun:
        """What tracker.json says, or a new one; runs may have equal names, so chance ends its id."""
        path = self.folder.path / FILE
        known = read_json(path)
        if known is None or known.get("tracker") != self.name or not is_plain(known.get("id"), known.get("project")):
            name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.parent.absolute().name)[:80]
            known = {"tracker": self.name, "id": f"{name}-{token_hex(4)}", "project": BACKENDS[self.name].project()}
            write_whole(path, json_line(known))
        started = read_about(path.parent).get("started", 0.0)
        return TrackerRun(path.parent.absolute(), known["id"], known["project"], started)

    def _give_up(self, error: Exception) -> None:
        """The run matters more than whoever looks on."""
        self._backend = None
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        self.say(f"{self.name} failed and gets no more rows, the run goes on ({reason})")
        self.folder.write_event("tracker_failed", self._last_step, name=self.name, error=reason)


def is_plain(name: object, project: object) -> bool:
    """Whether a tracker takes them for names and for nothing else, such as a path. A project is a person's own word."""
    is_name = isinstance(name, str) and NAME.fullmatch(name) is not None
    return is_name and isinstance(project, str) and project.isprintable() and not {*project} & {*"/\\"}


def check_tracker(name: str) -> None:
    """Refuse a tracker whose package is not there, before anything costs time."""
    if name == "none":
        return
    module, attribute = BACKENDS[name].needs
    try:
        getattr(import_module(module), attribute)  # a folder wandb/ where we stand imports too, and is empty
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"track={name} needs the package {name}, and it is not there ({error}): "
            "pip install 'straw[track]', or write track=none"
        ) from None


def tracker_for(page: Page, folder: RunFolder, say: Callable[[str], None]) -> Tracker:
    """The page's tracker, opened and up to date; call it when the folder is made, or rewound to a checkpoint.

    Example:
        check_tracker(page.run.track)                          before a model is loaded
        tracker = tracker_for(page, folder, watcher.say)
        tracker.log(row)                                       after folder.write_metrics(row)
        tracker.close()
    """
    tracker = Tracker(page.run.track, folder, say)
    if page.run.track != "none":
        tracker.open(flat_config(page))
    return tracker


def flat_config(page: Page) -> dict[str, Any]:
    """Options by name, as plain JSON values: names are unique over all sections."""
    sections = json.loads(json.dumps(asdict(page)))
    return {name: value for section in sections.values() for name, value in section.items()}
