"""What a program in the sandbox may use, and how it ended.

    Limits(cpu_s=2, memory=256 * MIB)      seconds of work, bytes of one process
    Ran(end=Ended.TIME, ...)               it was stopped when its time was over

A process that works for `cpu_s` seconds is ended by the kernel, whatever the machine is doing beside it. `wall_s` ends
everything in the sandbox, who sleeps included.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from straw.files import KIB, MIB
from straw.sandbox.ends import Ended
from straw.sandbox.filters import for_one_process

SLACK_S = 60.0  # that a busy machine may need to begin a sandbox, beside the limits of what runs in it


@dataclass(frozen=True, kw_only=True)
class Limits:
    """For one sandbox; memory, work and open files for each process in it, everything else for all of it together."""

    cpu_s: int = 10
    wall_s: float = 30.0
    memory: int = 512 * MIB
    disk: int = 64 * MIB  # of files, which lie in memory
    output: int = 1 * MIB  # of what is read of it; who writes more is ended
    files: int = 64
    threads: int = 32
    processes: int = 1

    def __post_init__(self) -> None:
        for name in ("cpu_s", "wall_s", "memory", "disk", "output", "files", "threads", "processes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"a limit of a sandbox is above 0; got {name}={getattr(self, name)}")

    @property
    def inside(self) -> str:
        """As a process reads them that takes them upon itself."""
        said = " ".join(f"{name}={value}" for name, value in asdict(self).items())
        return f"{said} alone={for_one_process().hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What is left of a run: how it ended, what it said, and its exit code, 128 + n where signal n ended it."""

    end: Ended
    code: int
    stdout: bytes
    stderr: bytes = b""

    @property
    def is_fine(self) -> bool:
        return self.end is Ended.EXITED and self.code == 0


SMALL_OUTPUT = 64 * KIB  # of errors, which are shown and not judged
