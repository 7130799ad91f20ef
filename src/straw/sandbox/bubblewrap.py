"""A process in namespaces of its own, begun by bubblewrap: no network, no home, nobody else's processes.

    begun("launch", ["cpu_s=5 ...", "ls"], Limits(), stdin=..., stdout=...)  ->  Sandbox: a process, and how to end it

User, process, network, IPC, host-name and mount namespaces are its own, the system is read-only, /tmp lies in memory,
no capability is left and a filter answers every system call that is not on a list. Where root begins it, what runs
inside is not root outside either: it is a user that no one else is (`restrict`).

There is no second way: where bubblewrap is missing or may not work, that is said in one line and nothing is run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from straw.errors import StrawError
from straw.sandbox.ends import Ends, is_ready
from straw.sandbox.filters import for_all
from straw.sandbox.inside.restrict import NOBODY
from straw.sandbox.limits import SLACK_S, Limits
from straw.sandbox.syscalls import MACHINES
from straw.sandbox.system import HOUSE, folders, mounts, python

ALONE = (
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--hostname", "straw", "--new-session", "--die-with-parent", "--as-pid-1", "--cap-drop",
    "ALL",
)  # fmt: skip
FROM_ROOT = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")  # until `restrict` gives them up
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONPATH": HOUSE, "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip
INSTALL = "apt install bubblewrap, dnf install bubblewrap or pacman -S bubblewrap"
FIRST_UID, PIDS = 0x70000000, 1 << 22  # numbers of users that nobody has, one for each process there can be


@dataclass(slots=True)
class Sandbox:
    """One that runs. `end` is to be called, whatever happens: when it returns, nothing of it is left."""

    process: subprocess.Popen[bytes]
    first: int | None  # a handle on the first process inside, with which all others go; None when that is over

    def wait(self, seconds: float) -> None:
        """Until it has ended by itself, or for so long."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def end(self) -> int:
        """Ends all of it; the exit code, 128 + n where signal n ended it."""
        if self.first is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.first, signal.SIGKILL)
            is_ready(self.first)  # it is over when all the others are
            os.close(self.first)
            self.first = None
        code = self.process.wait()
        return 128 - code if code < 0 else code


def begun(
    file: str, words: Sequence[str], limits: Limits, *, stdin: int, stdout: int, stderr: int = subprocess.DEVNULL,
    read_only_paths: Sequence[Path] = (), descriptors: Sequence[int] = (),
) -> Sandbox:  # fmt: skip
    """Begins Python with `main` of one of our files inside, which takes its limits upon itself.

    `descriptors` are open files that it may have beside the usual three.
    """
    command = [
        "--perms", "1777", "--size", str(limits.disk), "--tmpfs", "/tmp", *shown(read_only_paths),
        "--symlink", "/tmp/stdin", "/dev/stdin", "--remount-ro", "/", "--chdir", "/tmp",
        python(), "-sSP", "-c", f"from straw.sandbox.inside.{file} import main; main()", *words,
    ]  # fmt: skip
    with Ends() as ends:
        (told, tells), (waits, go), (calls, filter_end) = ends.pipe(), ends.pipe(), ends.pipe()
        os.write(filter_end, for_all())  # less than a pipe holds
        ends.close(filter_end)
        setting = ["--seccomp", str(calls), "--info-fd", str(tells), *user(waits)]
        try:
            process = subprocess.Popen(
                [program(), *ALONE, *setting, *mounts(), *command], stdin=stdin, stdout=stdout, stderr=stderr,
                env=ENVIRONMENT, cwd="/", start_new_session=True, pass_fds=(calls, tells, waits, *descriptors),
            )  # fmt: skip
        except OSError as error:
            raise StrawError(f"bubblewrap cannot be started ({error.strerror}). Is there memory for it?") from error
        ends.close(tells, waits)
        try:
            return Sandbox(process, entered(told, go))
        except BaseException:
            process.kill()
            process.wait()
            raise


def shown(paths: Sequence[Path]) -> list[str]:
    """Of the caller's, at the same places."""
    found = [str(path.expanduser().absolute()) for path in paths]
    return folders(found) + [word for path in found for word in ("--ro-bind", path, path)]


def user(waits: int) -> list[str]:
    """Who it is inside; it waits until `entered` has seen it."""
    if os.getuid() == 0:
        return [*FROM_ROOT, "--userns-block-fd", str(waits)]
    return ["--uid", str(NOBODY), "--gid", str(NOBODY), "--block-fd", str(waits)]


def entered(told: int, go: int) -> int:
    """A handle on the first process inside, which from root is told who it may become."""
    said = b""
    while is_ready(told, SLACK_S):
        piece = os.read(told, 4096)
        said += piece
        if not piece or said.rstrip().endswith(b"}"):
            break
    try:
        first = int(json.loads(said)["child-pid"])
        handle = os.pidfd_open(first)
        if os.getuid() == 0:
            for kind in ("uid", "gid"):
                number = nobody_else(first, kind)
                Path(f"/proc/{first}/{kind}_map").write_text(f"0 0 1\n{NOBODY} {number} 1\n")
        with suppress(OSError):  # where memory runs out it is the first to go
            Path(f"/proc/{first}/oom_score_adj").write_text("1000")
        os.write(go, b"1")
        return handle
    except (ValueError, KeyError, OSError) as error:
        raise StrawError(f"bubblewrap began no sandbox ({error}): straw doctor says whether it can") from error


def nobody_else(process: int, kind: str) -> int:
    """A number for a user or group that nothing else runs as; in a container, one of those that it was lent."""
    lent = sum(int(line.split()[2]) for line in Path(f"/proc/self/{kind}_map").read_text().splitlines())
    return FIRST_UID + process % PIDS if lent > FIRST_UID + PIDS else lent // 2 + process % (lent // 2)


@cache
def program() -> str:
    """Where bubblewrap is, or one line on what to do."""
    needs = "running programs that a model wrote needs bubblewrap on Linux (x86_64 or aarch64)"
    if not sys.platform.startswith("linux") or os.uname().machine not in MACHINES:
        raise StrawError(f"{needs}, and this is {sys.platform} on {os.uname().machine}: train this task on Linux")
    found = shutil.which("bwrap")
    if found is None:
        raise StrawError(f"{needs}, and there is no bwrap here: {INSTALL}")
    return found
