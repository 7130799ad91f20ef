"""Processor time of processes, to the nanosecond: what else runs on the machine does not count as theirs."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Of all threads that it has now."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError, ValueError, IndexError):  # it may have ended meanwhile
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def private_bytes(pid: int) -> int:
    """Of memory that no other process maps."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


class Meter:
    """Seconds of a process since it was read last; of the clock where it computes on a card."""

    def __init__(self, pid: int | None, by_clock: bool = False) -> None:
        self.pid, self.by_clock = pid, by_clock
        self.last = self.now()

    def now(self) -> float:
        if self.by_clock:
            return time.perf_counter()
        return time.process_time() if self.pid is None else cpu_s(self.pid)

    def since(self) -> float:
        before, self.last = self.last, self.now()
        return self.last - before
