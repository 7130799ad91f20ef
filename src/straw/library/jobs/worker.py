"""One job in a worker process, or in this one: a function is called with an argument and a watcher.

    {"N": 64, "run_dir": "runs/a"}  ->  do_run(options, messenger)  ->  say, begin, update, update, ...  ->  Result

The messenger is the run's watcher: it tells what it sees, and whether somebody asked to stop. A worker does jobs until
its pipe is closed, so torch is imported once and not for every job. It pays no heed to Ctrl-C, which the terminal sends
to everyone: the word to stop comes through the pipe.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from straw.errors import StrawError
from straw.registry import at

UPDATE_S = 0.25  # between two updates of a run
MEASURED_AT = "measured_at"  # the episodes of the newest bits, which may be older than all else that is told


@dataclass(frozen=True, slots=True)
class Job:
    """Call the function at `place` with the argument and a watcher.

    Example: Job("binary", "straw.training.sweep:do_run", {"N": 64, "run_dir": "runs/a"}, start="N=64")
    """

    label: str
    place: str
    argument: Any
    start: str | None = None  # jobs with the same one share a warm-up


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a job ended."""

    label: str
    value: Any = None
    error: str | None = None  # one line
    trace: str | None = None  # where the error is ours to mend
    cpu_s: float = 0.0  # all of the job
    run_cpu_s: float = 0.0  # since its run began: behind model, warm-up and gates


@dataclass(slots=True)
class Messenger:
    """A run's watcher that tells what it sees, not more often than a person can read."""

    tell: Callable[[str, Any], None]
    is_over: Callable[[], bool]  # whether somebody asked to stop
    row: dict[str, float] = field(default_factory=dict)
    total: int = 0
    told_at: float = float("-inf")
    began_s: float | None = None  # CPU time of this process

    def say(self, line: str) -> None:
        self.tell("say", line)

    def begin(self, plan: Any, folder: Any) -> None:
        self.total, self.began_s = int(plan.page.run.n_batches or 0), time.process_time()
        self.tell("begin", self.total)

    def look_at(self, facts: Any) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> bool:
        self.row |= row
        if row.get("bits_known") is not None:
            self.row[MEASURED_AT] = row["episodes"]
        if step == self.total or time.monotonic() - self.told_at >= UPDATE_S:
            self.tell("update", (step, self.row))
            self.told_at, self.row = time.monotonic(), {}
        return self.is_over()


def done(job: Job, messenger: Messenger) -> Result:
    """The job, done or failed."""
    started_s = time.process_time()
    value, error, trace = None, None, None
    try:
        value = at(job.place)(job.argument, messenger)
    except StrawError as problem:
        error = str(problem)
    except Exception as problem:
        error, trace = f"{type(problem).__name__}: {problem}".splitlines()[0], traceback.format_exc()
    now_s = time.process_time()
    began_s = now_s if messenger.began_s is None else messenger.began_s
    return Result(
        label=job.label, value=value, error=error, trace=trace, cpu_s=now_s - started_s, run_cpu_s=now_s - began_s
    )


def work(pipe: Connection, environment: dict[str, str], folder: str) -> None:
    """Jobs until there are none, or nobody waits for them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)  # a server that forks has that of its own start
    os.chdir(folder)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while isinstance(job := pipe.recv(), Job):
            pipe.send(("result", done(job, Messenger(lambda *message: tell(pipe, message), lambda: is_asked(pipe)))))


def tell(pipe: Connection, message: tuple[str, Any]) -> None:
    try:
        pipe.send(message)
    except OSError:  # nobody is left to hear it
        raise KeyboardInterrupt from None


def is_asked(pipe: Connection) -> bool:
    """Whether there is a word to stop, or nobody left to say it."""
    return pipe.poll()
