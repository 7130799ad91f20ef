"""A wall around Monarch: its sockets have names that any user of the machine could call, and this is where names end.

Monarch listens on abstract unix sockets, which have no permissions, and whoever calls one may run code in our
processes. Abstract names end at the wall of a network namespace, and on Linux a namespace belongs to a thread:

    main thread         the network as it was, for the hub and for trackers
    thread of the wall  a namespace of its own, and files that are born 0600; threads and processes that are begun here
                        are behind the wall, too. There is no network inside, and none is needed: weights lie in
                        shared memory, and models were fetched before

A thread of root may go there by itself. Anybody else has to enter a user namespace first, in which a user has the
same number and the same files, and may do so only while the process has a single thread: commands call `prepare` first
of all.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from straw.config.sections import Engine as EngineSection
from straw.engines.monarch.hosts.places import hosts_of
from straw.errors import ConfigError, EngineFailed

CLONE_FS, CLONE_NEWUSER, CLONE_NEWNET = 0x200, 0x10000000, 0x40000000
CAP_SYS_ADMIN = 21
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 0x1  # of a network interface
EARLIER = "`straw train` asks before it has threads, as straw.engines.monarch.processes.namespace.prepare() does"
WAY_OUT = "Where nobody else has an account on this machine, write shared_machine=false."


class Wall:
    """A thread that begins others; `missing` says why it stands in the open, and is empty where there is a wall."""

    def __init__(self, wanted: bool, drops: bool = False) -> None:
        """`drops`: what its user namespace allows it is given back when the wall stands."""
        self.missing, self.drops = "" if wanted else "this process began Monarch without it", drops
        if wanted and "monarch._rust_bindings" in sys.modules:
            self.missing = "monarch was imported before"  # its threads stand outside already
        self.umask: int | None = None  # what was before
        self._begun: SimpleQueue[None] = SimpleQueue()
        self._wanted: SimpleQueue[threading.Thread] = SimpleQueue()
        threading.Thread(target=self._live, name="wall", daemon=True).start()
        self._begun.get()

    def begin(self, target: Callable[[], object], name: str) -> threading.Thread:
        """A thread behind the wall."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._wanted.put(thread)
        self._begun.get()
        return thread

    def _live(self) -> None:
        kinds = CLONE_FS if self.missing else CLONE_FS | CLONE_NEWNET
        if problem := unshare(kinds):
            late = f"; {EARLIER}" if os.geteuid() != 0 else ""
            self.missing = self.missing or refused or os.strerror(problem).lower() + late
        else:
            self.umask = os.umask(0o077)  # of this thread, and of those that it begins
            if not self.missing:
                loopback_up()
        if self.drops:
            drop_capabilities()
        self._begun.put(None)
        while True:
            self._wanted.get().start()
            self._begun.put(None)


wall: Wall | None = None
refused = ""  # what the system said to `prepare`


def raised(shared_machine: bool) -> Wall:
    """The wall of this process; one for all engines, since Monarch begins its threads once."""
    global wall
    if wall is None:
        wall = Wall(wanted=shared_machine)
    if shared_machine and wall.missing:
        raise ConfigError(
            "sockets between processes can be called by every user of a machine, and a network namespace of our own "
            f"that would keep others out cannot be had ({wall.missing}). {WAY_OUT}"
        )
    return wall


def prepare_for(engine: EngineSection) -> None:
    """Before anything else that the page wants, since torch brings threads."""
    begins_processes = engine.engine in ("monarch", "ranks") or hosts_of(engine) or engine.trainer_ranks > 1
    if begins_processes and engine.shared_machine:
        prepare()


def prepare() -> None:
    """Enter a user namespace where that is what a wall takes here; before there is a second thread.

    Tried by a child first, since nobody comes back from a namespace where the rest is forbidden.
    """
    global wall, refused
    if os.geteuid() == 0 or may_unshare() or num_threads() != 1 or wall is not None:
        return
    child = os.fork()
    if child == 0:
        try:
            os._exit(enter_user_namespace() or unshare(CLONE_NEWNET | CLONE_FS))
        finally:
            os._exit(1)
    if number := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        refused = f"{os.strerror(number).lower()}: this system gives its users no namespaces"
        return
    enter_user_namespace()
    wall = Wall(wanted=True, drops=True)  # while this thread may give it what it needs
    drop_capabilities()


def enter_user_namespace() -> int:
    """With the same user and group; returns what went wrong, an errno."""
    user, group = os.geteuid(), os.getegid()
    if problem := unshare(CLONE_NEWUSER):
        return problem
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            Path("/proc/self", name).write_text(line)
        except OSError as error:
            return error.errno or errno.EPERM
    return 0


def unshare(kinds: int) -> int:
    """Leave what this thread shares with others; returns what went wrong, an errno."""
    if not sys.platform.startswith("linux"):
        return errno.ENOSYS
    libc = ctypes.CDLL(None, use_errno=True)
    return 0 if libc.unshare(kinds) == 0 else ctypes.get_errno()


def loopback_up() -> None:
    """Processes behind the wall may speak to each other over 127.0.0.1, which is nobody else's there."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack("16xH", fcntl.ioctl(asking, GET_FLAGS, name + bytes(2)))[0]
        fcntl.ioctl(asking, SET_FLAGS, name + struct.pack("H", flags | UP))


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_capabilities() -> None:
    """What a user namespace gave this thread; workers could not look at the memory of one who has more than they."""
    nothing = (ctypes.c_uint32 * 6)()
    ctypes.CDLL(None).capset(ctypes.byref(Header(0x20080522, 0)), nothing)


def may_unshare() -> bool:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/thread-self/status").read_text().splitlines()
        effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff"))
        return bool(effective >> CAP_SYS_ADMIN & 1)
    return False


def num_threads() -> int:
    with suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return threading.active_count()


def forget() -> None:
    """In a child that was forked: its parent's thread is not there."""
    global wall
    wall = None


def in_the_open() -> list[str]:
    """Abstract sockets of this process that anybody may call; none behind a wall."""
    ours = {target for one in Path("/proc/self/fd").iterdir() if (target := linked(one)).startswith("socket:")}
    lines = (line.split() for line in Path("/proc/self/net/unix").read_text().splitlines()[1:])
    return [line[7] for line in lines if len(line) == 8 and line[7][0] == "@" and f"socket:[{line[6]}]" in ours]


def check_closed(wall: Wall) -> None:
    """Whatever a later Monarch does: it is looked at before anybody trusts it."""
    if not wall.missing and (sockets := in_the_open()):
        raise EngineFailed(f"sockets of Monarch stand outside of their wall: {', '.join(sockets)}")


def linked(path: Path) -> str:
    with suppress(OSError):  # closed by now
        return os.readlink(path)
    return ""


os.register_at_fork(after_in_child=forget)
