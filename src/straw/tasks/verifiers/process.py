"""The process in which verifiers plays: begun with its own interpreter, talked to in lines of JSON.

    worker = Worker("glossary", {}, max_turns=10)
    worker.begin("7", 3)                  episode 7 is task 3
    worker.next_of("7", seconds)          {"ask": ..., "messages": [...]} or {"end": ..., "reward": ...}
    worker.say(say="7", message={...})

A thread reads what it says and puts it to whom it is for. Where it dies, all who wait are told why; it is begun again
when it is next needed, three times at most. When straw goes, however it goes, its input ends, and so does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Lock, Thread
from typing import IO, Any

from straw.errors import ConfigError
from straw.tasks.environments.own_python import needed_python
from straw.tasks.openenv.local_server import end
from straw.text.tools.calls import spelled_out

WORKER = Path(__file__).parent / "beside" / "worker.py"
OPEN_S, ROW_S, MOST_STARTS = 300.0, 60.0, 4
TAIL = 300
DIRECT = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
OPENING = "opening"
Said = dict[str, Any]


class WorkerGone(Exception):
    """It died, or says nothing: with the reason."""


@dataclass(slots=True)
class Running:
    """One process, and what it said to whom."""

    process: subprocess.Popen[bytes]
    inboxes: dict[str, Queue[Said]] = field(default_factory=dict)
    gone: str = ""
    lock: Lock = field(default_factory=Lock)

    def inbox(self, name: str) -> Queue[Said]:
        with self.lock:
            found = self.inboxes.setdefault(name, Queue())
            if self.gone:
                found.put({"gone": self.gone})
            return found


@dataclass(slots=True, weakref_slot=True)
class Worker:
    name: str
    args: Mapping[str, Any]
    max_turns: int
    running: Running | None = None
    starts: int = 0
    opened: Said = field(default_factory=dict)
    rows: dict[int, Any] = field(default_factory=dict)
    log: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    lock: Lock = field(default_factory=Lock)

    def ready(self) -> Running:
        """Begun where it is not there."""
        with self.lock:
            if self.running is not None and self.running.process.poll() is None:
                return self.running
            if self.starts == MOST_STARTS:
                raise WorkerGone(f"the process of verifiers died {self.starts} times: {self.said()}")
            self.starts += 1
            self.running = self.begun()
            self.opened = self.opening(self.running)
            return self.running

    def begun(self) -> Running:
        python = needed_python("verifiers")
        process = subprocess.Popen(
            [str(python), str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            start_new_session=True, env={**os.environ, **DIRECT},
        )  # fmt: skip
        weakref.finalize(self, end, process)
        running = Running(process)
        Thread(target=listen, args=(running, self.log), name="verifiers", daemon=True).start()
        return running

    def opening(self, running: Running) -> Said:
        send(running, {"open": self.name, "args": dict(self.args), "max_turns": self.max_turns})
        found = heard(running, OPENING, OPEN_S)
        if "failed" not in found:
            return found
        running.process.wait()
        if found.get("missing"):
            raise ConfigError(
                f"verifiers has no environment {self.name!r} installed ({found['failed'][:150]}): straw worlds add "
                f"verifiers {self.name}, or the path of its folder"
            )
        raise ConfigError(f"the environment {self.name} cannot be opened: {found['failed']}")

    @property
    def count(self) -> int | None:
        """Of its tasks; None: without end."""
        self.ready()
        count: int | None = self.opened["count"]
        return count

    def prompt(self, index: int) -> list[dict[str, str]]:
        if index not in self.rows:
            running = self.ready()
            inbox = running.inbox(f"row {index}")
            send(running, {"row": index})
            self.rows[index] = taken(inbox, ROW_S)["prompt"]
        prompt: list[dict[str, str]] = self.rows[index]
        return prompt

    def begin(self, id: str, index: int) -> None:
        running = self.ready()
        running.inbox(id)
        send(running, {"begin": id, "index": index})

    def next_of(self, id: str, seconds: float) -> Said:
        if self.running is None:
            raise WorkerGone("the process of verifiers is not there")
        return heard(self.running, id, seconds)

    def say(self, **words: Any) -> None:
        if self.running is not None:
            send(self.running, words)

    def forget(self, id: str) -> None:
        if self.running is not None:
            with self.running.lock:
                self.running.inboxes.pop(id, None)

    def close(self) -> None:
        with self.lock:
            if self.running is not None:
                end(self.running.process)
                self.running, self.starts = None, 0

    def said(self) -> str:
        return tail(self.log)


def tail(log: IO[bytes]) -> str:
    """Its last words, read where nobody's place in the file is moved."""
    size = os.fstat(log.fileno()).st_size
    text = os.pread(log.fileno(), 4096, max(0, size - 4096)).decode(errors="replace")
    return " ".join(text.split())[-TAIL:] or "it said nothing"


def send(running: Running, words: Mapping[str, Any]) -> None:
    assert running.process.stdin is not None
    with running.lock:
        try:
            running.process.stdin.write(json.dumps(words).encode() + b"\n")
            running.process.stdin.flush()
        except (OSError, ValueError):
            pass  # whoever waits for an answer hears of it


def heard(running: Running, name: str, seconds: float) -> Said:
    return taken(running.inbox(name), seconds)


def taken(inbox: Queue[Said], seconds: float) -> Said:
    try:
        found = inbox.get(timeout=max(seconds, 0.0))
    except Empty:
        raise WorkerGone(f"the environment did not answer within {seconds:.3g} seconds") from None
    if "gone" in found:
        raise WorkerGone(found["gone"])
    return found


def listen(running: Running, log: IO[bytes]) -> None:
    """In a thread, until it says no more."""
    assert running.process.stdout is not None
    for line in running.process.stdout:
        said: Said = spelled_out(json.loads(line))
        name = said.get("ask") or said.get("end") or (f"row {said['row']}" if "row" in said else OPENING)
        with running.lock:
            inbox = running.inboxes.setdefault(name, Queue())
        inbox.put(said)
    with running.lock:
        running.gone = f"the process of verifiers ended: {tail(log)}"
        waiting = list(running.inboxes.values())
    for inbox in waiting:
        inbox.put({"gone": running.gone})
