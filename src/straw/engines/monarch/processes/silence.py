"""A process from outside: whether it is there, is stopped, or has fallen silent.

    gone       at once, by its descriptor (pidfd)
    stopped    SIGSTOP, at work and at rest, for answer_s
    silent     at work, and for answer_s no beat, no processor used, no disk waited for
    lost       busy, and for load_s no beat: a layer takes no such time, so it goes in circles or loads without an end

So a deadline bounds silence, not work: what beats (see `heartbeat`) may take as long as it likes. Time in which the
process was ready and others had the processor counts for nothing, nor does time in which the watcher was stopped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from straw.engines.monarch.memory.cgroup import oom_kills
from straw.engines.monarch.processes.identity import Known, stat_of

LOOK_S = 0.25
Threads = dict[str, tuple[float, float]]  # of each what it ran, and was ready without a processor
BUSY = 0.1  # of a look that a thread ran or was ready, to be no silence


@dataclass(frozen=True, slots=True)
class Patience:
    """When it ends."""

    answer_s: float = 8.0  # of silence
    load_s: float = 600.0  # of work without a beat


class Watch:
    """Looks at a process whenever it is asked to."""

    def __init__(self, known: Known | None, beats: Callable[[], int], patience: Patience) -> None:
        """`known` None: on another machine, where nobody can look; then only time since the last answer counts."""
        self.known, self.beats, self.patience = known, beats, patience
        self.stopped_s = self.silent_s = self.without_beat_s = 0.0
        self.works = self.loads = False
        self.seen = beats()
        self.threads: Threads = {}
        self.kills = oom_kills()

    def work(self, loads: bool) -> None:
        """It is at work from now on; while it `loads` it may be as silent as load_s."""
        self.works, self.loads = True, loads
        self.silent_s = self.without_beat_s = 0.0

    def rest(self) -> None:
        self.works = False

    def how_it_ended(self) -> str:
        if oom_kills() > self.kills:
            return "died: memory ran out, and the system ended it. Lower num_generators, or the size of a batch"
        return "died"

    def look(self, seconds: float) -> str:
        """What is wrong with it, if anything; `seconds` since the last look."""
        if self._is_stopped():
            self.stopped_s += seconds
            return self._too_long(self.stopped_s, "was stopped")
        self.stopped_s = 0.0
        beats, before = self.beats(), self.seen
        self.seen = beats
        if not self.works or beats != before:
            self.silent_s = self.without_beat_s = 0.0
            self.threads = {}
            return ""
        busy_s, waited_s, reads = self._spent()
        self.without_beat_s = max(0.0, self.without_beat_s + seconds - waited_s)  # a wait is told when it is over
        self.silent_s = 0.0 if reads or busy_s >= BUSY * seconds else self.silent_s + seconds
        if self.without_beat_s > self.patience.load_s:
            limit = self.patience.load_s
            longer = f"write load_s={2 * limit:g} where a layer, or a model's way from disk, takes longer"
            return f"worked for {limit:g} s without a sign of life (load_s) and was ended: {longer}"
        return "" if self.loads else self._too_long(self.silent_s, "gave no sign of life")

    def _too_long(self, seconds: float, what: str) -> str:
        limit = self.patience.answer_s
        return f"{what} for {limit:g} s (answer_s) and was ended" if seconds > limit else ""

    def _is_stopped(self) -> bool:
        with suppress(OSError, IndexError):
            return self.known is not None and stat_of(self.known.pid)[0] in "Tt"
        return False

    def _spent(self) -> tuple[float, float, bool]:
        """Seconds since the last look that the busiest thread ran or was ready, that one was ready and had no
        processor, and whether one waits for a disk."""
        if self.known is None:
            return 0.0, 0.0, True
        ran, waited, reads, self.threads = spent_by(self.known.pid, self.threads)
        return ran, waited, reads


class Vigil(Watch):
    """Looks at a process for as long as it lives; `trouble` is answered when it has to be given up."""

    def __init__(self, known: Known | None, beats: Callable[[], int], patience: Patience) -> None:
        super().__init__(known, beats, patience)
        self.trouble: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.task = asyncio.ensure_future(self._keep())

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _keep(self) -> None:
        try:
            why = await self._reason()
        except Exception as error:  # who is not watched any more is lost to us
            why = f"could not be watched any longer ({type(error).__name__}: {error})"
        if not self.trouble.done():
            self.trouble.set_result(why)

    async def _reason(self) -> str:
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        if self.known is not None:
            loop.add_reader(self.known.descriptor, gone.set)
        try:
            before = time.monotonic()
            while True:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(gone.wait(), LOOK_S)
                    return self.how_it_ended()
                now = time.monotonic()
                if why := self.look(min(now - before, 4 * LOOK_S)):
                    return why
                before = now
        finally:
            if self.known is not None:
                loop.remove_reader(self.known.descriptor)


def spent_by(pid: int, before: Threads) -> tuple[float, float, bool, Threads]:
    """Of a process, since its threads had these times; and those that they have now."""
    now = threads_of(pid)
    ran, waited = 0.0, 0.0
    for name, (now_ran, now_waited) in now.items():
        then_ran, then_waited = before.get(name, (now_ran, now_waited))
        ran = max(ran, now_ran - then_ran + now_waited - then_waited)
        waited = max(waited, now_waited - then_waited)
    return ran, waited, waits_for_disk(pid, now), now


def threads_of(pid: int) -> Threads:
    """Seconds that each thread ran, and was ready without a processor; nothing where the system does not tell."""
    threads: Threads = {}
    with suppress(OSError):
        for folder in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError, ValueError, IndexError):
                threads[folder.name] = times_of(folder)
    return threads


def times_of(thread: Path) -> tuple[float, float]:
    """Some kernels do not tell for how long it waited."""
    if (thread / "schedstat").exists():
        ran, waited = (thread / "schedstat").read_text().split()[:2]
        return int(ran) / 1e9, int(waited) / 1e9
    user, system = (thread / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), 0.0


def waits_for_disk(pid: int, threads: Threads) -> bool:
    for thread in threads:
        with suppress(OSError, IndexError):
            if stat_of(pid, thread)[0] == "D":
                return True
    return False
