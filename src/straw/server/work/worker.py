"""The thread that computes, and alone touches the model.

    each round:  take in what came  ->  one token for everybody who writes  ->  one micro-batch of whose turn it is

Models take turns, a piece of work each, whatever the size of what they asked for; nobody's reply waits for more than
one micro-batch. Whatever goes wrong in a request is its result, and never the end of the thread.
"""

from __future__ import annotations

import sqlite3
import traceback
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any

from straw.engines.local.heap import give_back_heap
from straw.engines.tenants.backend import Backend
from straw.server.desk.settings import Settings
from straw.server.keeping.journal import Journal
from straw.server.keeping.rows import Outcome, Request
from straw.server.keeping.store import Store
from straw.server.work.operations import Operations, Work
from straw.server.work.outcomes import failed_by
from straw.server.work.quiet import QUIET_S, give_memory_back
from straw.server.work.reading import Reading
from straw.server.work.sampling import Samples
from straw.server.work.snapshots import Snapshots
from straw.server.work.watching import Watching

Finished = Callable[[list[tuple[str, Outcome, bool]]], None]  # ids, what they came to, whether the journal has it
PAUSE_S = 0.1  # behind a round that failed as a whole
TRIM_S = 10.0  # between two times that a busy thread gives back what keys of many sizes left between them
BURST, PATIENCE_S, MOST_PATIENCE_S = 2, 0.01, 0.05  # so many samples; how long for another, and for all of them
Asked = tuple[Request, Any] | Callable[[], None]


class Worker(Thread):
    """`finished` is called in this thread, once a round."""

    def __init__(
        self, backend: Backend, journal: Journal, store: Store, settings: Settings, reading: Reading,
        finished: Finished,
    ) -> None:  # fmt: skip
        super().__init__(name="straw-compute", daemon=True)
        self.backend, self.journal, self.finished = backend, journal, finished
        self.watching = Watching()
        self.snapshots = Snapshots(backend, store, settings.in_memory)
        self.operations = Operations(backend, journal, store, settings, reading, self.snapshots, self.watching)
        self.samples = Samples(backend, journal, reading, self.snapshots, self.watching, self.finish)
        self.inbox: SimpleQueue[Asked | None] = SimpleQueue()
        self.turns: deque[str] = deque()  # models that have work
        self.waiting: dict[str, deque[tuple[Request, Any]]] = {}
        self.begun: dict[str, tuple[Request, Work]] = {}
        self.done: list[tuple[str, Outcome, bool]] = []
        self.unwritten: deque[tuple[str, Outcome]] = deque()
        self.is_ending = self.has_worked = False
        self.trimmed = monotonic()

    # --- from other threads

    def put(self, request: Request, read: Any) -> None:
        self.inbox.put((request, read))

    def call(self, function: Callable[[], None]) -> None:
        """In this thread, between two pieces of work."""
        self.inbox.put(function)

    def cancel(self, id: str) -> None:
        self.call(lambda: self.samples.cancel(id))

    def end(self) -> None:
        """After the piece of work at hand; what is not done is done at the next start."""
        self.inbox.put(None)

    # --- in this thread

    def rest(self, model: str) -> None:
        """Out of memory, unless it has work."""
        if model not in self.begun and not self.waiting.get(model):
            self.operations.tenants.park(model)

    def run(self) -> None:
        while not self.is_ending:
            try:
                self.round()
            except Exception as error:  # a fault of straw: whoever asks next is served all the same
                self.watching.tell("".join(traceback.format_exception(error)))
                sleep(PAUSE_S)

    def round(self) -> None:
        self.take_in()
        began = monotonic()
        if self.samples.rows:
            self.samples.decode()
        self.piece()
        self.watching.busy_s += monotonic() - began
        self.has_worked = True
        self.hand_out()
        if began - self.trimmed > TRIM_S:
            give_back_heap()
            self.trimmed = began

    def take_in(self) -> None:
        """All that came; where there is nothing to do, until something comes."""
        began, num_samples = monotonic(), 0
        wait = 0.0 if self.samples.rows or self.turns or self.done else None
        try:
            while not self.is_ending:
                asked = self.next_asked() if wait is None else self.inbox.get(block=wait > 0, timeout=wait)
                num_samples += isinstance(asked, tuple) and asked[0].kind == "sample"
                self.take(asked)
                wait = self.patience(num_samples, began)
        except Empty:
            return

    def next_asked(self) -> Asked | None:
        """Where there is nothing to do. The memory that the work took is given back when it stays so."""
        try:
            return self.inbox.get(timeout=QUIET_S if self.has_worked else None)
        except Empty:
            self.backend.rest()
            give_memory_back()
            self.has_worked = False
            return self.inbox.get()

    def patience(self, num_samples: int, began: float) -> float:
        """A burst of samples is taken in as a whole, where nobody trains meanwhile: a token for one row costs as much
        as one for ten, and what answers the senders needs the interpreter that this thread would hold.
        """
        if num_samples < BURST or self.turns or self.done:
            return 0.0
        return max(0.0, min(PATIENCE_S, began + MOST_PATIENCE_S - monotonic()))

    def take(self, asked: Asked | None) -> None:
        if asked is None:
            self.is_ending = True
        elif callable(asked):
            try:
                asked()
            except Exception as error:
                self.watching.tell(f"{type(error).__name__}: {error}")
        elif asked[0].kind == "sample":
            self.samples.begin(*asked)
        else:
            self.waiting.setdefault(asked[0].place, deque()).append(asked)
            if asked[0].place not in self.turns:
                self.turns.append(asked[0].place)

    def piece(self) -> None:
        """Of the model whose turn it is, which then waits behind the others."""
        if not self.turns:
            return
        model = self.turns.popleft()
        request, work = self.begun.pop(model) if model in self.begun else self.next_of(model)
        try:
            next(work)
            self.begun[model] = (request, work)
        except StopIteration as end:
            self.finish(request, end.value)
        except Exception as error:
            self.fail(request, error)
        if model in self.begun or self.waiting.get(model):
            self.turns.append(model)
        else:
            self.waiting.pop(model, None)

    def next_of(self, model: str) -> tuple[Request, Work]:
        request, read = self.waiting[model].popleft()
        return request, self.operations.work(request, read)

    def fail(self, request: Request, error: Exception) -> None:
        if request.kind in ("create_model", "create_from"):
            try:
                self.journal.close_model(request.place)
            except sqlite3.Error as problem:
                self.watching.tell(f"journal: {problem}")
        self.finish(request, failed_by(error))

    def finish(self, request: Request, outcome: Outcome) -> None:
        """To the journal first, so that it is never heard of and then lost."""
        if outcome.form == "error":
            self.watching.num_errors += 1
        self.unwritten.append((request.id, outcome))
        self.done.append((request.id, outcome, self.write_all()))

    def write_all(self) -> bool:
        """In their order, so that a later result never stands in the journal without an earlier one."""
        try:
            while self.unwritten:
                self.journal.finish(*self.unwritten[0], keep_body=False)
                self.unwritten.popleft()
        except sqlite3.Error as problem:
            self.watching.tell(f"the journal cannot be written ({problem}); results stay in memory")
        return not self.unwritten

    def hand_out(self) -> None:
        if self.done:
            done, self.done = self.done, []
            self.finished(done)
