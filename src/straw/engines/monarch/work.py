"""A piece of work, and a place for a generator: what the pool hands out, and to whom."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from straw.engines.base import Reply
from straw.engines.monarch.generator import Version
from straw.engines.monarch.processes.running import Running


@dataclass(slots=True, kw_only=True)
class Limits:
    """How often something is tried. (How long one waits for a process: see `vigil`.)"""

    tries: int = 3  # of one piece of work
    replacements: int = 10  # one after the other, of a generator that has answered nothing in between
    away_s: float = 300.0  # that all generators may be on hosts that cannot be reached
    pause_s: float = 0.1  # before a generator that could not be begun is begun again; twice as long each time


@dataclass(slots=True, eq=False)
class Work:
    method: str
    version: Version | None  # None: the newest, whenever it begins
    job: Any
    answer: Future[Any] = field(default_factory=Future)
    tries: int = 0
    takes_newest: bool = False


@dataclass(slots=True, eq=False)
class Slot:
    """A place for a generator; generators come and go."""

    index: int
    process: Running | None = None
    replacements: int = 0
    in_vain: int = 0  # of them, since somebody answered here
    state: str = "starting"
    queue: asyncio.Queue[Work] = field(default_factory=asyncio.Queue)
    current: Work | None = None
    away_since: float | None = None  # its host cannot be reached
    error: str = ""  # the last
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=16))  # tokens, seconds
    num_tokens: int = 0

    @property
    def doing(self) -> str:
        """In a word."""
        return ("sampling" if self.current is not None else "idle") if self.state == "ready" else self.state

    def facts(self) -> dict[str, Any]:
        tokens, seconds = (sum(column) for column in zip(*self.recent, strict=True)) if self.recent else (0, 0.0)
        rate = tokens / seconds if seconds else 0.0
        return {
            "generator": self.index, "state": self.doing, "replaced": self.replacements, "tokens": self.num_tokens,
            "tokens_per_s": round(rate, 1),
        }  # fmt: skip

    def wrote(self, answer: Any, seconds: float) -> None:
        tokens = tokens_in(answer)
        self.num_tokens += tokens
        if tokens:
            self.recent.append((tokens, seconds))

    @property
    def load(self) -> int:
        not_ready = 1000 * (self.state != "ready") + 1000 * (self.state == "away")
        return self.queue.qsize() + (self.current is not None) + not_ready


def answer(work: Work, found: Any) -> None:
    """Once: what was found, or an exception."""
    if work.answer.done():
        return
    if isinstance(found, Exception):
        work.answer.set_exception(found)
    else:
        work.answer.set_result(found)


def tokens_in(answer: Any) -> int:
    """How many were written, however the replies are wrapped."""
    if isinstance(answer, Reply):
        return len(answer.tokens)
    return sum(map(tokens_in, answer)) if isinstance(answer, list) else 0
