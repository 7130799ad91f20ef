"""Running a command in a sandbox: what it is handed, what it says, and that it ends.

    run(["python", "-c", "print(6 * 7)"]).stdout   ->  b"42\\n"

`check` is asked before a run begins: it runs a small program, once, and says in a line what is in its way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from straw.errors import StrawError
from straw.sandbox.bubblewrap import begun
from straw.sandbox.ends import Ended, Ends, Talk
from straw.sandbox.limits import SMALL_OUTPUT, Limits, Ran
from straw.sandbox.system import python

PROBE = "import threading; t = threading.Thread(target=print, args=('well',)); t.start(); t.join()"


def run(
    argv: Sequence[str], stdin: bytes = b"", limits: Limits | None = None, read_only_paths: Sequence[str | Path] = ()
) -> Ran:
    """Runs a command to its end, or to that of its limits; "python" is the interpreter that straw runs in.

    Of the caller's files it sees those under `read_only_paths`, at the same places, and of the network nothing.
    """
    limits = limits or Limits()
    command = [python() if argv[0] == "python" else argv[0], *argv[1:]]
    with Ends() as ends:
        (stdin_end, into), (out, stdout), (err, stderr) = ends.pipe(), ends.pipe(), ends.pipe()
        talk = Talk(ends, {into: stdin}, {out: limits.output, err: SMALL_OUTPUT})
        sandbox = begun(
            "launch", [limits.inside, *command], limits, stdin=stdin_end, stdout=stdout, stderr=stderr,
            read_only_paths=[Path(one) for one in read_only_paths],
        )  # fmt: skip
        ends.close(stdin_end, stdout, stderr)
        try:
            deadline = time.monotonic() + limits.wall_s
            end = talk.until(limits.wall_s)
            if end is Ended.EXITED:
                sandbox.wait(max(0.0, deadline - time.monotonic()))
        finally:
            code = sandbox.end()
    return Ran(end=end, code=code, stdout=talk.said(out), stderr=talk.said(err))


@cache
def check() -> None:
    """That programs can be run here, or one line on what to do."""
    ran = run(["python", "-sS", "-c", PROBE], limits=Limits(wall_s=30.0))
    if not ran.is_fine or ran.stdout != b"well\n":
        said = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {ran.code}"
        raise StrawError(
            f"bubblewrap is here and cannot begin a sandbox ({said:.200}): it has to be 0.8 or newer, and user "
            "namespaces must be allowed (sysctl kernel.unprivileged_userns_clone=1, "
            "kernel.apparmor_restrict_unprivileged_userns=0; in a container --security-opt seccomp=unconfined)"
        )
