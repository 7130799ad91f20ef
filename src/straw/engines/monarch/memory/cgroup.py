"""What control groups leave to this process: memory up to their limits, and whether the system had to end somebody.

A container, a batch system or a service manager sets such limits; /proc/meminfo knows nothing of them. A limit holds
for a group and for all groups below it, so the tightest from here to the root counts.

    free = limit - used + what is only a copy of files
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two interfaces of the kernel."""

    controller: str  # as /proc/self/cgroup names it
    roots: tuple[str, ...]
    limit: str
    used: str
    copies: str  # a line of memory.stat
    kills: str  # a file with a line oom_kill


KINDS = (
    Kind("memory", ("/sys/fs/cgroup/memory",), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
         "memory.oom_control"),
    Kind("", ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file",
         "memory.events"),
)  # fmt: skip
NO_LIMIT = 2**62


def memory_left() -> int:
    """Bytes below the tightest limit; as much as you like where there is none."""
    return min((left_in(kind, folder) for kind, folder in groups()), default=NO_LIMIT)


def oom_kills() -> int:
    """How many processes the system has ended in our group for want of memory; where it has none, anywhere."""
    counts = (line_of(folder / kind.kills, "oom_kill") for kind, folder in groups())
    ours = next((count for count in counts if count is not None), None)
    return ours if ours is not None else line_of(Path("/proc/vmstat"), "oom_kill") or 0


def groups() -> Iterator[tuple[Kind, Path]]:
    """The groups that this process is in, from its own up to the root of what it can see."""
    lines: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, place = line.split(":", 2)
        for kind in KINDS:
            if kind.controller in controllers.split(","):
                for root in kind.roots:
                    own = Path(root + place)
                    yield from ((kind, folder) for folder in upwards(own, Path(root)) if folder.is_dir())


def upwards(folder: Path, root: Path) -> list[Path]:
    return [one for one in (folder, *folder.parents) if one == root or root in one.parents]


def left_in(kind: Kind, folder: Path) -> int:
    try:
        limit = (folder / kind.limit).read_text().strip()
        used = int((folder / kind.used).read_text())
        return int(limit) - used + (line_of(folder / "memory.stat", kind.copies) or 0)
    except (OSError, ValueError):  # none here, or "max"
        return NO_LIMIT


def line_of(file: Path, name: str) -> int | None:
    """The number behind a name, in a file of such lines."""
    with suppress(OSError, ValueError, IndexError):
        for line in file.read_text().splitlines():
            if line.split()[0] == name:
                return int(line.split()[1])
    return None
