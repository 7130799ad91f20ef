"""Who a process is, so that no signal of ours ever reaches another.

A process says its number, and a number names somebody else on another machine, in another container, or when it was
given away again. So a process says with it where it counts and since when it lives; only one that is here is known by a
descriptor (pidfd), which stays with it when its number goes to another.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """What a process says of itself; empty where its system does not tell."""

    pid: int
    boot: str  # of its machine
    namespace: str  # in which its number counts
    began: str  # in ticks since that boot


def mine() -> Identity:
    return identity_of(os.getpid())


def identity_of(pid: int) -> Identity:
    """Of a process that is here, as this one sees it."""
    boot, namespace, began = "", "", ""
    with suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
        began = stat_of(pid)[19]
    return Identity(pid, boot, namespace, began)


def stat_of(pid: int, thread: str = "") -> list[str]:
    """What /proc says of a process or of one of its threads, from its state on."""
    folder = f"/proc/{pid}/task/{thread}" if thread else f"/proc/{pid}"
    return Path(folder, "stat").read_text().rpartition(")")[2].split()


class Known:
    """A process of this machine, whatever becomes of its number."""

    def __init__(self, identity: Identity) -> None:
        self.pid = identity.pid
        self.descriptor = os.pidfd_open(identity.pid)

    @classmethod
    def here(cls, identity: Identity) -> Known | None:
        """None: it is elsewhere, or gone; there is nothing to look at or to kill."""
        if not identity.began or identity != identity_of(identity.pid):
            return None
        try:
            known = cls(identity)
        except OSError:
            return None
        if identity == identity_of(identity.pid):  # still, so the descriptor is this one's
            return known
        known.close()
        return None

    def kill(self) -> None:
        if self.descriptor >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    @property
    def is_gone(self) -> bool:
        """As soon as it has ended."""
        if self.descriptor < 0:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1
