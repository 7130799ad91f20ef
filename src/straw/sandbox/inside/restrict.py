"""What a process in the sandbox takes upon itself before it runs what a model wrote: no rights, and limits.

A sandbox that root began is entered as user 0 of a user namespace of its own, whose user NOBODY is a number that no one
else has: limits on processes do not count for root. Limits hold for every process that follows, and none can be raised.

Like all that runs inside, it imports few modules: each of them costs every program milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY = 1000
MOST_STACK = 64 << 20
SET_FILTER, FILTER, DEATH_SIGNAL, SIGKILL = 22, 2, 1, 9  # prctl's words


class Program(ctypes.Structure):
    """How the kernel is handed a filter of system calls."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


KERNEL = ctypes.CDLL(None, use_errno=True)


def limits_in(text: str) -> dict[str, str]:
    """cpu_s=5 memory=536870912 ..."""
    return dict(word.split("=", 1) for word in text.split())


def give_up_root() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        KERNEL.prctl(DEATH_SIGNAL, SIGKILL, 0, 0, 0)  # who changes its user would outlive who began it


def limit(limits: Mapping[str, str], *, tasks: int) -> None:
    """`tasks` counts processes and threads of this sandbox, those that are there already included."""
    memory = int(limits["memory"])
    for kind, value in (
        (resource.RLIMIT_CPU, int(limits["cpu_s"])),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, int(limits["disk"])),
        (resource.RLIMIT_NOFILE, int(limits["files"])),
        (resource.RLIMIT_NPROC, tasks),
        (resource.RLIMIT_STACK, min(MOST_STACK, memory // 4)),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        most = resource.getrlimit(kind)[1]
        least = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (least, least))


def stay_alone(limits: Mapping[str, str]) -> None:
    """From here on this process has nobody beside it: it begins no other."""
    code = bytes.fromhex(limits["alone"])
    program = Program(len(code) // 8, code)
    if KERNEL.prctl(SET_FILTER, FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")
