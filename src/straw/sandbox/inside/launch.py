"""The first process in a sandbox: begins the program that was asked for, within its limits, and ends with it.

    main("cpu_s=5 memory=536870912 ...", "COMMAND", "ARGUMENT", ...)     the words of the command line

It imports nothing of straw but what stands beside it, and reads nothing of what the program says.
"""

from __future__ import annotations

import os
import sys

from straw.sandbox.inside.restrict import give_up_root, limit, limits_in, stay_alone

BESIDE = 1  # this process


def main() -> None:
    limits, command = limits_in(sys.argv[1]), sys.argv[2:]
    give_up_root()
    child = os.fork()
    if child:
        os._exit(its_code(child))
    limit(limits, tasks=BESIDE + int(limits["processes"]) + int(limits["threads"]))
    if limits["processes"] == "1":
        stay_alone(limits)
    os.environ.pop("PYTHONPATH", None)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(127)


def its_code(child: int) -> int:
    """Waits for whatever ends, as the first process of a system has to; the rest ends with this one."""
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
