"""Generators as a registry: work goes to a healthy one, and comes back whatever happens to it.

    pool.work(jobs)                  all answers, in order
    pool.submit(job).answer          of one, whoever is the least busy takes it

A generator that died, hangs or is too slow is killed and replaced, and its work goes to another; work that fails
everywhere ends with the last error. What a generator answers is a function of the job and the version alone, so whoever
answers, the bits are the same. (Work without a version takes the newest when it begins: see `newest`.) One thread runs
all of it, beside the thread that trains.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from straw.engines.base import Reply, Tell
from straw.engines.monarch.adapter import Process, WorkerDied, WorkerRaised, put_off
from straw.engines.monarch.generator import Version
from straw.errors import StrawError, TrainingError


@dataclass(slots=True, kw_only=True)
class Limits:
    """When patience ends."""

    start_s: float = 180.0  # to load a model
    answer_s: float = 300.0  # also the longest that one may be stopped
    tries: int = 3  # of one piece of work
    replacements: int = 10  # one after the other, of a generator that has answered nothing in between


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
    process: Process | None = None
    replacements: int = 0
    in_vain: int = 0  # of them, since somebody answered here
    state: str = "starting"
    queue: asyncio.Queue[Work] = field(default_factory=asyncio.Queue)
    current: Work | None = None
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
        return self.queue.qsize() + (self.current is not None) + 1000 * (self.state != "ready")


class Pool:
    def __init__(
        self,
        make: Callable[[str, int], Process],
        count: int,
        limits: Limits,
        tell: Tell,
        taken: Callable[[int], int] = lambda generator: 0,
    ) -> None:
        """`make` starts a process by its name and the number of its generator; `taken` tells which serial a
        generator has taken by itself, in the middle of its work."""
        self.make, self.limits, self.tell, self.taken = make, limits, tell, taken
        self.newest: Version | None = None
        self.slots = [Slot(index) for index in range(count)]
        self.processes: set[Process] = set()  # all that may be alive, those that are being started too
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="generators", daemon=True)
        self.thread.start()
        self.is_closed = False

    def open(self) -> None:
        """Generators begin to start, one beside the other."""
        self.serving = [self._run(self._serve(slot)) for slot in self.slots]

    def submit(self, method: str, version: Version | None, job: Any, *, prefer: int | None = None) -> Work:
        """Hand out a piece of work; `prefer` a generator that knows how it began."""
        work = Work(method, version, job, takes_newest=version is None)
        self.loop.call_soon_threadsafe(self._hand_out, work, prefer)
        return work

    def work(self, method: str, version: Version, jobs: Sequence[Any]) -> list[Any]:
        """All answers, in order; job i goes to generator i, if it can."""
        given = [self.submit(method, version, job, prefer=index % len(self.slots)) for index, job in enumerate(jobs)]
        return [work.answer.result() for work in given]

    def show(self, version: Version, ahead: bool = False) -> None:
        """The newest from now on; `ahead`: generators shall take it as soon as they can, not with their next work."""
        self._run(self._show(version, ahead)).result()

    def facts(self) -> list[dict[str, Any]]:
        """What each generator does and did, as seen from outside."""
        return [slot.facts() for slot in self.slots]

    def serials_in_use(self) -> set[int]:
        """Of all weights whose work is not answered yet."""
        return self._run(self._serials()).result()

    def states(self) -> list[str]:
        return [slot.state for slot in self.slots]

    def pids(self) -> list[int | None]:
        return [slot.process.pid if slot.process is not None else None for slot in self.slots]

    def ask(self, process: Process, method: str, *given: Any, deadline_s: float) -> Any:
        """A call to a process that is no generator."""
        return self._run(process.call(method, *given, deadline_s=deadline_s)).result()

    def start(self, process: Process) -> None:
        self._run(process.start(self.limits.start_s, self.limits.answer_s)).result()

    def close(self, *others: Process) -> None:
        """No process and no thread is left."""
        if self.is_closed:
            return
        self.is_closed = True
        self._run(self._stop(others)).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    # --- inside the thread ---------------------------------------------------------------------

    def _run(self, coroutine: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def _serials(self) -> set[int]:
        waiting = [work for slot in self.slots for work in list(slot.queue._queue)]  # type: ignore[attr-defined]
        working = [(slot.current, slot.index) for slot in self.slots if slot.current is not None]
        pinned = {work.version.serial for work in waiting if work.version is not None}
        return pinned | {max(work.version.serial, self.taken(index)) for work, index in working if work.version}

    async def _show(self, version: Version, ahead: bool) -> None:
        self.newest = version
        for slot in self.slots if ahead else ():
            if slot.state == "ready":
                slot.queue.put_nowait(Work("take", version, None))

    def _hand_out(self, work: Work, prefer: int | None = None, avoid: Slot | None = None) -> None:
        there = [slot for slot in self.slots if slot.state != "given up"]
        if not there:
            work.answer.set_exception(TrainingError("no generator is left, each was replaced too often"))
            return
        ready = [slot for slot in there if slot.state == "ready"] or there
        others = [slot for slot in ready if slot is not avoid] or ready
        preferred = [slot for slot in others if slot.index == prefer]
        min(preferred or others, key=lambda slot: (slot.load, slot.index)).queue.put_nowait(work)

    async def _serve(self, slot: Slot) -> None:
        """One generator's life, and that of those who come after it."""
        while await self._filled(slot):
            assert slot.process is not None
            work = await self._next(slot)
            if work is None:
                self._lost(slot, f"{slot.process.name} died or was stopped while it had nothing to do")
                continue
            if work.takes_newest:
                work.version = self.newest
            slot.current, begun = work, time.monotonic()
            try:
                answer = await slot.process.call(work.method, work.version, work.job, deadline_s=self.limits.answer_s)
                slot.wrote(answer, time.monotonic() - begun)
                slot.in_vain = 0
                work.answer.set_result(answer)
            except (WorkerDied, WorkerRaised) as error:
                self._came_back(slot, work, error)
            except StrawError as error:  # wrong everywhere
                work.answer.set_exception(error)
            finally:
                slot.current = None

    async def _next(self, slot: Slot) -> Work | None:
        """The slot's next work, or None when its generator died waiting for it, or was stopped for too long."""
        assert slot.process is not None
        waiting, death = asyncio.ensure_future(slot.queue.get()), asyncio.ensure_future(slot.process.dies())
        stop = asyncio.ensure_future(slot.process.freezes())
        await asyncio.wait({waiting, death, stop}, return_when=asyncio.FIRST_COMPLETED)
        await put_off(death, stop)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        return None

    async def _filled(self, slot: Slot) -> bool:
        """Whether there is a living generator in the slot; a dead one is replaced."""
        while slot.process is None:
            if slot.in_vain > self.limits.replacements:
                self._give_up(slot)
                return False
            begun = time.monotonic()
            process = self.make(f"generator-{slot.index}-{slot.replacements}", slot.index)
            self.processes.add(process)
            try:
                await process.start(self.limits.start_s, self.limits.answer_s)
            except (WorkerDied, WorkerRaised) as error:
                self._end(process)
                slot.replacements, slot.in_vain = slot.replacements + 1, slot.in_vain + 1
                self.tell("generator_died", generator=slot.index, pid=process.pid, error=str(error))
                continue
            slot.process, slot.state = process, "ready"
            self.tell(
                "generator_started", generator=slot.index, pid=process.pid, seconds=round(time.monotonic() - begun, 3)
            )
        return True

    def _came_back(self, slot: Slot, work: Work, error: WorkerDied | WorkerRaised) -> None:
        """The generator may be gone; its work is not."""
        work.tries += 1
        if isinstance(error, WorkerDied):
            self._lost(slot, str(error))
        else:
            self.tell("generator_raised", generator=slot.index, error=str(error), tries=work.tries)
        if work.tries >= self.limits.tries:
            work.answer.set_exception(TrainingError(f"a piece of work failed {work.tries} times, at last: {error}"))
        else:
            self._hand_out(work, avoid=slot)

    def _lost(self, slot: Slot, why: str) -> None:
        """Its work goes to others; somebody will take its place."""
        assert slot.process is not None
        self.tell("generator_died", generator=slot.index, pid=slot.process.pid, error=why)
        self._end(slot.process)
        slot.process, slot.state = None, "starting"
        slot.replacements, slot.in_vain = slot.replacements + 1, slot.in_vain + 1
        self._hand_on(slot)

    def _hand_on(self, slot: Slot) -> None:
        """What waits here goes to others; where there are none, it waits here for a replacement."""
        waiting = [slot.queue.get_nowait() for _ in range(slot.queue.qsize())]
        for work in waiting:
            self._hand_out(work, avoid=slot)

    def _end(self, process: Process) -> None:
        process.kill()
        self.processes.discard(process)

    def _give_up(self, slot: Slot) -> None:
        slot.state = "given up"
        self.tell("generator_given_up", generator=slot.index)
        self._hand_on(slot)

    async def _stop(self, others: Sequence[Process]) -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*(process.stop() for process in [*self.processes, *others]))


def tokens_in(answer: Any) -> int:
    """How many were written, however the replies are wrapped."""
    if isinstance(answer, Reply):
        return len(answer.tokens)
    return sum(map(tokens_in, answer)) if isinstance(answer, list) else 0
