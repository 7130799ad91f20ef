"""Generators as a registry: work goes to a healthy one, and comes back whatever happens to it.

    pool.work(jobs)                  all answers, in order
    pool.submit(job).answer          of one, whoever is the least busy takes it

A generator that died or fell silent is replaced, and its work goes to another; work that fails everywhere ends with
the last error. What a generator answers is a function of the job and the version alone, so whoever answers, the bits
are the same. (Work without a version takes the newest when it begins: see `newest`.) One thread runs all of it, beside
the thread that trains.

Every wait ends: whatever exception comes, at the making of a process, at its start or in a call, the generator is
replaced or given up, and its work is handed on or answered with what went wrong.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from straw.engines.base import Tell
from straw.engines.monarch.generator import Version
from straw.engines.monarch.processes.process import HostAway, WorkerDied, WorkerRaised, in_a_line, put_off
from straw.engines.monarch.processes.running import Running
from straw.engines.monarch.work import Limits, Slot, Work, answer
from straw.errors import EngineFailed, StrawError


class Pool:
    def __init__(
        self,
        make: Callable[[str, int], Running],
        count: int,
        limits: Limits,
        tell: Tell,
        taken: Callable[[int], int] = lambda generator: 0,
        begin: Callable[[Callable[[], object], str], threading.Thread] = lambda target, name: started(target, name),
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        """`make` starts a process by its name and the number of its generator; `taken` tells which serial a
        generator has taken by itself, in the middle of its work; `begin` starts the thread in which all of it is;
        `tidy` is called there every second."""
        self.make, self.limits, self.tell, self.taken = make, limits, tell, taken
        self.newest: Version | None = None
        self.slots = [Slot(index) for index in range(count)]
        self.processes: set[Running] = set()  # all that may be alive, those that are being started too
        self.loop = asyncio.new_event_loop()
        self.serving: list[Future[None]] = []
        self.is_closed, self.tidy = False, tidy
        self.thread = begin(self.loop.run_forever, "generators")

    def open(self) -> None:
        """Generators begin to start, one beside the other."""
        self.serving = [self._run(self._watched(slot)) for slot in self.slots]
        self._run(self._tidy())

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

    def ask(self, process: Running, method: str, *given: Any, loads: bool = False) -> Any:
        """A call to a process that is no generator."""
        return self._run(process.call(method, *given, loads=loads)).result()

    def start(self, make: Callable[[], Running]) -> Running:
        """A process that is no generator."""
        return self._run(self._start(make)).result()

    def do(self, act: Callable[[], Any]) -> Any:
        """Something that has to happen where processes are made."""

        async def acted() -> Any:
            return act()

        return self._run(acted()).result()

    def close(self) -> None:
        """No process and no thread is left, and nobody waits."""
        if self.is_closed:
            return
        self.is_closed = True
        self._run(self._stop()).result()
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
        if not there or self.is_closed:
            last = next((slot.error for slot in self.slots if slot.error), "")
            why = "the engine is closed" if self.is_closed else "no generator is left, each was replaced too often"
            answer(work, EngineFailed(f"{why}; at last: {last}" if last else why))
            return
        ready = [slot for slot in there if slot.state == "ready"] or there
        others = [slot for slot in ready if slot is not avoid] or ready
        preferred = [slot for slot in others if slot.index == prefer]
        min(preferred or others, key=lambda slot: (slot.load, slot.index)).queue.put_nowait(work)

    async def _start(self, make: Callable[[], Running]) -> Running:
        try:
            process = make()
            await self._begin(process)
        except StrawError:
            raise
        except Exception as error:
            raise WorkerDied(f"a process could not be begun ({said_by(error)})") from error
        return process

    async def _begin(self, process: Running) -> None:
        self.processes.add(process)
        try:
            await process.start()
        except Exception:
            await self._end(process)
            raise

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            with suppress(Exception):  # a log that cannot be kept is no matter of the work
                self.tidy()

    async def _watched(self, slot: Slot) -> None:
        """A slot's whole life; if that ends as nobody foresaw, nobody waits for it."""
        try:
            await self._serve(slot)
        except Exception as error:
            slot.error = f"{type(error).__name__}: {error}"
            if slot.process is not None:
                slot.process.kill()
            if slot.current is not None:
                answer(slot.current, EngineFailed(f"generator {slot.index} failed ({slot.error})"))
            self._give_up(slot)

    async def _serve(self, slot: Slot) -> None:
        """One generator's life, and that of those who come after it."""
        while await self._filled(slot):
            assert slot.process is not None
            work = await self._next(slot)
            if work is None:
                await self._lost(slot, f"{slot.process.name} {await slot.process.trouble()}, with nothing to do")
                continue
            if work.takes_newest:
                work.version = self.newest
            slot.current, begun = work, time.monotonic()
            try:
                found = await slot.process.call(work.method, work.version, work.job)
                slot.wrote(found, time.monotonic() - begun)
                slot.in_vain = 0
                answer(work, found)
            except (WorkerDied, WorkerRaised) as error:
                await self._came_back(slot, work, error)
            except StrawError as error:  # wrong everywhere
                answer(work, error)
            except Exception as error:  # of a kind that no process should let out: it is not to be trusted any more
                await self._came_back(slot, work, WorkerDied(f"{slot.process.name}: {said_by(error)}"))
            slot.current = None

    async def _next(self, slot: Slot) -> Work | None:
        """The slot's next work, or None when its generator has to be given up before there is some."""
        assert slot.process is not None
        waiting, trouble = asyncio.ensure_future(slot.queue.get()), asyncio.ensure_future(slot.process.trouble())
        await asyncio.wait({waiting, trouble}, return_when=asyncio.FIRST_COMPLETED)
        await put_off(trouble)
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
            begun, process = time.monotonic(), None
            try:
                process = self.make(f"generator-{slot.index}-{slot.replacements}", slot.index)
                await self._begin(process)
            except HostAway as error:
                self._wait_for_host(slot, str(error))
                await asyncio.sleep(self.limits.pause_s)
                continue
            except Exception as error:  # whatever it is, another may be luckier
                slot.error = str(error) if isinstance(error, StrawError) else said_by(error)
                slot.replacements, slot.in_vain = slot.replacements + 1, slot.in_vain + 1
                where = {"pid": process.pid, **process.place} if process is not None else {"pid": None}
                self._tell("generator_died", generator=slot.index, **where, error=slot.error)
                await asyncio.sleep(min(self.limits.pause_s * 2 ** (slot.in_vain - 1), 5.0))
                continue
            slot.process, slot.state, slot.away_since = process, "ready", None
            seconds = round(time.monotonic() - begun, 3)
            self._tell("generator_started", generator=slot.index, pid=process.pid, **process.place, seconds=seconds)
        return True

    def _wait_for_host(self, slot: Slot, why: str) -> None:
        """Without an end while others work, since its host may come back; what waits for it goes to them."""
        now, others = time.monotonic(), any(one.state == "ready" for one in self.slots)
        slot.state, slot.error, slot.in_vain = "away", why, 0  # no generator is to blame
        slot.away_since = now if others or slot.away_since is None else slot.away_since
        if now - slot.away_since > self.limits.away_s:
            slot.in_vain = self.limits.replacements + 1
        self._hand_on(slot)

    async def _came_back(self, slot: Slot, work: Work, error: WorkerDied | WorkerRaised) -> None:
        """The generator may be gone; its work is not."""
        work.tries += 1
        if isinstance(error, WorkerDied):
            await self._lost(slot, str(error))
        else:
            self._tell("generator_raised", generator=slot.index, error=str(error), tries=work.tries)
        most = self.limits.replacements if isinstance(error, HostAway) else self.limits.tries
        if work.tries >= most:
            answer(work, EngineFailed(f"a piece of work failed {work.tries} times, at last: {error}"))
        else:
            self._hand_out(work, avoid=slot)

    async def _lost(self, slot: Slot, why: str) -> None:
        """Its work goes to others; somebody will take its place."""
        assert slot.process is not None
        process, slot.process, slot.state, slot.error = slot.process, None, "starting", why
        process.kill()
        self._tell("generator_died", generator=slot.index, pid=process.pid, **process.place, error=why)
        slot.replacements, slot.in_vain = slot.replacements + 1, slot.in_vain + 1
        self._hand_on(slot)
        await self._end(process)

    def _hand_on(self, slot: Slot) -> None:
        """What waits here goes to others; where there are none, it waits here for a replacement."""
        waiting = [slot.queue.get_nowait() for _ in range(slot.queue.qsize())]
        for work in waiting:
            self._hand_out(work, avoid=slot)

    async def _end(self, process: Running) -> None:
        self.processes.discard(process)
        await process.bury()

    def _give_up(self, slot: Slot) -> None:
        slot.state = "given up"
        self._tell("generator_given_up", generator=slot.index, error=slot.error)
        self._hand_on(slot)

    def _tell(self, event: str, **facts: object) -> None:
        """Who listens may fail, on a full disk for example; the run hears of that by itself, and work goes on."""
        with suppress(Exception):
            self.tell(event, **facts)

    async def _stop(self) -> None:
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*(process.stop() for process in self.processes), return_exceptions=True)
        for slot in self.slots:
            self._hand_on(slot)
            if slot.current is not None:
                self._hand_out(slot.current)


def started(target: Callable[[], object], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def said_by(error: Exception) -> str:
    return f"{type(error).__name__}: {in_a_line(error)}"
