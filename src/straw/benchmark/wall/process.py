"""A learner's process, as the payer sees it: opened once, given one run after the other, ended when it hangs.

    with LearnerProcess(code) as away:
        away.begin(options, sampling)
        away.learn(step, groups, version, verbs)      serves the engine's verbs until the learner's turn is over
        cpu_s = away.end()

What keeps the secret from it: it is another process, whose messages are JSON; the secret is in none of them; its
environment has nothing but paths; and on Linux no process of the same user may look into this one's memory. Root may,
and whoever may read this user's files reads them still: for that there are rooms (`opening`).
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

import straw
from straw.benchmark.wall import wire
from straw.benchmark.wall.opening import Open, Opened, in_the_open
from straw.benchmark.wall.verbs import Verbs
from straw.engines.base import SamplingParams
from straw.errors import RunError
from straw.types import Rollout

PATIENCE_S = 600.0  # for one message
MOST_LEFT = 10_000  # messages that nobody asked for, behind a run
COMMAND = (sys.executable, "-m", "straw.benchmark.wall.learner_side")
KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "STRAW_HOME", "XDG_CACHE_HOME", "VIRTUAL_ENV", "TMPDIR")
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4


class LearnerFailed(RunError):
    """A learner's own fault: its run counts as one that never came to know."""


class LearnerProcess:
    def __init__(self, code: Mapping[str, str], open: Open = in_the_open) -> None:
        self.code, self.open = code, open
        self.opened: Opened | None = None
        self.is_playing = False

    def __enter__(self) -> Self:
        self.was_readable = set_readable(False)
        self.folder = tempfile.TemporaryDirectory(prefix="straw-bench-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        set_readable(self.was_readable)
        self.folder.cleanup()

    def begin(self, options: Mapping[str, Any], sampling: SamplingParams) -> wire.Way:
        """How its rollouts are to be drawn."""
        if self.opened is None:
            self.opened = self.open(COMMAND, environment(), Path(self.folder.name))
        self.is_playing = True
        self.write({"options": dict(options), "sampling": wire.plain_params(sampling), "code": dict(self.code)})
        try:
            return wire.way_of(self.heard("ready"))
        except LearnerFailed:
            raise
        except RunError as error:
            raise LearnerFailed(str(error)) from None

    def learn(self, step: int, groups: Sequence[Sequence[Rollout]], version: int, verbs: Verbs) -> dict[str, float]:
        """Its turn: it hears what was paid, and the engine does what it asks for."""
        plain = [[wire.blind(one) for one in group] for group in groups]
        self.write({"learn": step, "version": version, "groups": plain})
        while "learned" not in (message := self.heard("learned", "verb")):
            self.write(verbs.answer(message))
        verbs.turn_is_over()
        found: dict[str, float] = message["learned"]
        return found

    def end(self) -> float:
        """CPU seconds of its run. What it said out of its turn ends with it: the next run reads none of it."""
        if self.opened is None:
            return 0.0
        if self.is_playing:
            self.write({"end": True})
        self.is_playing = False
        for _ in range(MOST_LEFT):
            if "ended" in (message := self.next_message()):
                used = message.get("cpu_s")
                return float(used) if isinstance(used, int | float) else 0.0
        self.kill()
        return 0.0

    def heard(self, *expected: str) -> dict[str, Any]:
        """The next message; one that nobody expects ends the run."""
        message = self.next_message()
        if any(name in message for name in expected):
            return message
        self.is_playing = False
        if "ended" in message:  # it left in the middle of its run
            self.kill()
            raise LearnerFailed("the learner left in the middle of its run")
        if "failed" in message:  # and ends by itself
            raise LearnerFailed(str(message["failed"])[:400])
        self.kill()
        raise LearnerFailed("it sent a message that nobody expected")

    def next_message(self) -> dict[str, Any]:
        assert self.opened is not None
        timer = Timer(PATIENCE_S, self.opened.end)
        timer.start()
        try:
            line = self.opened.reader.readline(wire.LONGEST)
        finally:
            timer.cancel()
        if not line:
            self.kill()
            raise LearnerFailed(f"the learner's process ended, or said nothing for {PATIENCE_S:g} s")
        return self.read(line)

    def read(self, line: bytes) -> dict[str, Any]:
        try:
            return wire.message_in(line)
        except RunError as error:
            self.kill()
            raise LearnerFailed(str(error)) from None

    def write(self, message: Mapping[str, Any]) -> None:
        assert self.opened is not None
        try:
            self.opened.writer.write(wire.line_of(message))
            self.opened.writer.flush()
        except OSError:
            self.kill()
            raise LearnerFailed("the learner's process is gone") from None

    def kill(self) -> None:
        if self.opened is not None:
            self.opened.end()
            for pipe in (self.opened.writer, self.opened.reader):
                with suppress(OSError):
                    pipe.close()
        self.opened, self.is_playing = None, False


def environment() -> dict[str, str]:
    """Paths, and what makes two processes alike."""
    found = {name: os.environ[name] for name in KEPT if name in os.environ}
    paths = [str(Path(straw.__file__).absolute().parents[1]), *filter(None, [found.get("PYTHONPATH")])]
    return {**found, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


def set_readable(readable: bool) -> bool:
    """On Linux: whether processes of this user can read this one's memory, or trace it; returns what it was before."""
    if not sys.platform.startswith("linux"):
        return True
    call = ctypes.CDLL(None).prctl
    before = call(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0
    call(PR_SET_DUMPABLE, int(readable), 0, 0, 0)
    return before
