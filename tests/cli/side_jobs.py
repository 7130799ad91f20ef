"""Jobs for a room that cost nothing. Each is called with an argument and a watcher, as a run would be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from straw.errors import StrawError
from straw.library.jobs.worker import Messenger

HERE = "tests.cli.side_jobs"


def double(number: int, watcher: Messenger) -> int:
    watcher.say(f"{number} is doubled")
    return 2 * number


def process(_: object, watcher: Messenger) -> int:
    return os.getpid()


def environment(name: str, watcher: Messenger) -> str | None:
    return os.environ.get(name)


def refuse(reason: str, watcher: Messenger) -> None:
    raise StrawError(reason)


def blunder(_: object, watcher: Messenger) -> float:
    return 1 / 0


def be_killed(_: object, watcher: Messenger) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def begin(watcher: Messenger, num_steps: int) -> None:
    plan: Any = SimpleNamespace(page=SimpleNamespace(run=SimpleNamespace(n_batches=num_steps)))
    watcher.begin(plan, None)


def warm_up(log: str, watcher: Messenger) -> bool:
    """Whether it had to be made: at the first time it takes a while, until the run begins."""
    made = Path(log)
    is_first = not made.exists()
    with made.open("a") as file:  # appends only: two readers may be at it
        file.write("making\n" if is_first else "reading\n")
    if is_first:
        time.sleep(0.3)
        with made.open("a") as file:
            file.write("made\n")
    begin(watcher, 1)
    return is_first


def run_until_asked(marks: str, watcher: Messenger) -> None:
    """Steps until somebody asks to stop; then a checkpoint that takes a while."""
    begin(watcher, 10**6)
    Path(marks, "begun").touch()
    step = 0
    while not watcher.update(step, {"episodes": float(step)}):
        step += 1
        time.sleep(0.01)
    time.sleep(0.2)
    Path(marks, "kept").touch()
