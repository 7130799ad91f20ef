"""A learner's process in a sandbox: no network, no files of yours, nobody else's processes (`straw.sandbox`).

    in_a_room(command, environment, folder) -> Opened        as `in_the_open`, which is one of the same user

It sees, read-only, the interpreter, the packages that are installed beside it, straw's own code and the models of
straw's cache; it has a /tmp of its own in memory, and may fork. What a learner writes there is gone with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import straw
from straw.benchmark.wall.opening import Open, Opened, in_the_open
from straw.cache_dir import cache_folder
from straw.errors import StrawError
from straw.files import GIB, MIB
from straw.sandbox.bubblewrap import Sandbox, begun
from straw.sandbox.limits import Limits
from straw.sandbox.process import check
from straw.sandbox.system import python

ROOM, OPEN = "a sandbox without network and files", "a process of the same user"
LIMITS = Limits(
    cpu_s=24 * 3600, wall_s=24 * 3600.0, memory=64 * GIB, disk=256 * MIB, files=1024, threads=64, processes=16
)
NEEDED = ("OMP_NUM_THREADS", "PYTHONHASHSEED", "STRAW_HOME", "XDG_CACHE_HOME")
BEGIN = """
import os, runpy, sys
os.environ.update({environment!r})
sys.path[:0] = {paths!r}
sys.argv = ["learner"]
runpy.run_module({module!r}, run_name="__main__")
"""


class InARoom:
    """Two pipes into a sandbox."""

    def __init__(self, sandbox: Sandbox, writer: IO[bytes], reader: IO[bytes]) -> None:
        self.sandbox, self.writer, self.reader = sandbox, writer, reader

    def end(self) -> None:
        self.sandbox.end()


def in_a_room(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Opened:
    """`command` ends with the module that is run; it stands in the sandbox's own /tmp instead of the folder."""
    told = {name: environment[name] for name in NEEDED if name in environment} | same_kernels()
    program = BEGIN.format(environment=told, paths=paths(), module=command[-1])
    (stdin, into), (out, stdout) = os.pipe(), os.pipe()
    try:
        sandbox = begun(
            "launch", [LIMITS.inside, python(), "-c", program], LIMITS, stdin=stdin, stdout=stdout, stderr=2,
            read_only_paths=shown(),
        )  # fmt: skip
    except BaseException:
        os.close(into)
        os.close(out)
        raise
    finally:
        os.close(stdin)
        os.close(stdout)
    return InARoom(sandbox, os.fdopen(into, "wb"), os.fdopen(out, "rb"))


def same_kernels() -> dict[str, str]:
    """In there torch cannot read what the processor has, and would take kernels that round differently."""
    import torch

    return {"ATEN_CPU_CAPABILITY": torch.backends.cpu.get_cpu_capability().lower()}


def paths() -> list[str]:
    """Where straw lies, and whatever this process finds packages in."""
    house = str(Path(straw.__file__).absolute().parents[1])
    return list(dict.fromkeys([house, *(path for path in sys.path if path.endswith("-packages"))]))


def shown() -> list[Path]:
    """What it may read beside the system's libraries and the interpreter."""
    found = [Path(path) for path in paths()]
    found[0] = found[0] / "straw"  # and nothing that lies beside it
    models = cache_folder() / "models"
    return [path for path in (*found, models) if path.is_dir()]


def opening_for(code: Mapping[str, str]) -> Open:
    """Code of others goes into a room, where there is one; straw's own needs none."""
    if not code:
        return in_the_open
    with suppress(StrawError):
        check()
        return in_a_room
    return in_the_open


def words_of(open: Open) -> str:
    """As it stands in an entry."""
    return ROOM if open is in_a_room else OPEN
