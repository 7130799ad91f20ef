"""Jobs side by side in worker processes, or one after the other in this one.

    here    --- job, stop -------------------->  worker       a pipe each: one that is killed breaks nothing else
            <-- say, begin, update, result ---

A worker lives as long as the room, so torch is imported once and not for every job; on Linux all of them are forked
from one server that has imported it and done nothing else, and this process needs none of it. Jobs of one kind of
start wait until the first of them has made it: a warm-up is made once and then read from the cache.

Ctrl-C is for this process alone. Runs that have begun are asked to finish their step and keep it, the others end at
once; a second Ctrl-C ends all. A worker that the system kills fails its job, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from types import ModuleType, TracebackType
from typing import Any, Self

from straw.errors import StrawError
from straw.library.jobs.stop_signal import StopSignal
from straw.library.jobs.worker import Job, Messenger, Result, done, work
from straw.text.shown.say import say

PRELOADED = ["straw.training.sweep", "straw.library.jobs.worker"]
LOOK_S = 0.2  # between two looks whether Ctrl-C was pressed
OnEvent = Callable[[str, str, Any], None]


@dataclass(slots=True, eq=False)
class Worker:
    process: Any
    pipe: Connection
    job: Job | None = None
    has_begun: bool = False


class Room:
    """Up to `size` workers; with 0 every job is done in this process.

    Example:
        with Room(2) as room:
            for result in room.run(jobs, board.on_event):
                print(result.label, result.error or "done")
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers: list[Worker] = []

    def ask(self, place: str, argument: Any) -> Any:
        """The value of one job; its error is raised here."""
        (result,) = self.run([Job(place, place, argument)], lambda *_: None)
        if result.error is not None:
            raise RuntimeError(result.trace) if result.trace else StrawError(result.error)
        return result.value

    def run(self, jobs: Iterable[Job], on_event: OnEvent) -> Iterator[Result]:
        """Results in the order in which they come; `on_event` gets every message on the way."""
        waiting = list(jobs)
        if self.size == 0:
            yield from (here(job, on_event) for job in waiting)
            return
        warm: set[str | None] = {None}
        with interrupts() as was_interrupted:
            while waiting or self._busy():
                self._hand_out(waiting, warm)
                for pipe in wait([worker.pipe for worker in self._busy()], LOOK_S):
                    worker = next(one for one in self._workers if one.pipe is pipe)
                    result = self._listen(worker, warm, on_event)
                    if result is not None:
                        yield result
                if was_interrupted():
                    raise KeyboardInterrupt

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def _hand_out(self, waiting: list[Job], warm: set[str | None]) -> None:
        """Work for whoever is free, but not what another is warming up."""
        while waiting and len(self._busy()) < self.size:
            being_made = {worker.job.start for worker in self._busy() if worker.job and not worker.has_begun} - warm
            ready = next((job for job in waiting if job.start not in being_made), None)
            if ready is None:
                return
            waiting.remove(ready)
            worker = next((one for one in self._workers if one.job is None), None) or self._hire()
            worker.job, worker.has_begun = ready, False
            with suppress(OSError):  # killed while it was idle: its pipe says so next
                worker.pipe.send(ready)

    def _hire(self) -> Worker:
        ours, theirs = multiprocessing.Pipe()
        process = context().Process(target=work, args=(theirs, dict(os.environ), os.getcwd()), daemon=True)
        with no_script():
            process.start()
        theirs.close()
        self._workers.append(Worker(process, ours))
        return self._workers[-1]

    def _listen(self, worker: Worker, warm: set[str | None], on_event: OnEvent) -> Result | None:
        """One message; a result ends the worker's job."""
        job = worker.job
        assert job is not None
        try:
            what, value = worker.pipe.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            worker.process.join()
            return Result(label=job.label, error=how_it_died(worker.process.exitcode))
        if what == "result":
            worker.job = None
            return value if isinstance(value, Result) else None
        if what == "begin":
            worker.has_begun = True
            warm.add(job.start)
        on_event(job.label, what, value)
        return None

    def stop(self) -> None:
        """Runs that have begun finish their step; the others end at once."""
        self._hear_what_was_said()
        if self._busy():
            say("stopping after the steps that go on, with checkpoints; once more stops at once", error=True)
        for worker in self._busy():
            with suppress(OSError):
                worker.pipe.send("stop") if worker.has_begun else worker.process.terminate()
        while self._busy():
            for pipe in wait([worker.pipe for worker in self._busy()]):
                worker = next(one for one in self._workers if one.pipe is pipe)
                self._listen(worker, set(), lambda *_: None)

    def _hear_what_was_said(self) -> None:
        """Whether a run has begun stands in a message that may be waiting."""
        for worker in self._busy():
            with suppress(OSError):
                while worker.job is not None and worker in self._workers and worker.pipe.poll():
                    self._listen(worker, set(), lambda *_: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is not None:
                self.stop()
        finally:
            for worker in self._busy():
                worker.process.kill()
            for worker in self._workers:
                worker.pipe.close()  # no more jobs
                worker.process.join()
            self._workers = []


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Ctrl-C is a word to be asked for: raised in the middle of a message, it would leave half of it in the pipe."""
    is_deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # a job in the background has no terminal to hear
    if is_deaf or threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield lambda: False
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield lambda: bool(heard)
    finally:
        signal.signal(signal.SIGINT, before)


def here(job: Job, on_event: OnEvent) -> Result:
    """The job in this process; Ctrl-C once it has begun finishes its step and then stops everything."""
    stop = StopSignal()

    def tell_here(what: str, value: Any) -> None:
        if what == "begin":
            stop.listen(lambda line: on_event(job.label, "say", line))
        on_event(job.label, what, value)

    try:
        result = done(job, Messenger(tell_here, lambda: stop.was_heard))
    finally:
        stop.ignore()
    if stop.was_heard:
        raise KeyboardInterrupt
    return result


def preload() -> None:
    """Workers' imports begin now, beside whatever this process does before it has work for them."""
    if sys.platform.startswith("linux"):
        context()
        forkserver.ensure_running()


def context() -> Any:
    """A server that forks, where forking is safe; elsewhere each worker begins from nothing."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers do not fight for the cores
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(PRELOADED)
    return forking


@contextmanager
def no_script() -> Iterator[None]:
    """A process that begins here would run the caller's script again, and with it straw.sweep: no job needs it."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def how_it_died(code: int | None) -> str:
    """-9 -> its worker was killed by SIGKILL: ..."""
    if code is None or code >= 0:
        return f"its worker ended with status {code}: look at what it wrote above"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    memory = ", as systems do when memory runs out: try fewer --jobs" if name == "SIGKILL" else ""
    return f"its worker was killed by {name}{memory}"
