"""Files and folders that appear whole or not at all.

    write .name.PID.tmp beside the goal  ->  fsync  ->  rename over the goal

A rename is one act of the file system, so a reader, or a run that continues after a kill, meets the
old thing, the new thing or nothing, never a half. Whatever fails on the way removes what it had
begun and says in one line what to do.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from straw.errors import RunError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def staging_path(path: Path) -> Path:
    """Where a thing waits until it is whole: a hidden sibling, so that the rename stays on one disk."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a file that is either the old one or the new one."""
    staging = staging_path(path)
    try:
        staging.write_bytes(data.encode() if isinstance(data, str) else data)
        _sync(staging)
        os.replace(staging, path)
    except OSError as problem:
        with suppress(OSError):
            staging.unlink(missing_ok=True)
        raise run_error(problem, path) from problem


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Lend an empty folder to write into; it takes the name `path` when the block ends well.

    A folder that is there and not empty is never replaced.
    """
    staging = staging_path(path)
    parents = [parent for parent in path.parents if not os.path.exists(parent)]
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        _sync_tree(staging)
        os.replace(staging, path)
        _sync(path.parent)
    except BaseException as problem:
        plain = run_error(problem, path) if isinstance(problem, OSError) or _is_full(problem, staging) else None
        _take_back(staging, parents)
        if plain:
            raise plain from problem
        raise


def run_error(problem: BaseException, path: Path) -> RunError:
    """What the operating system said about `path`, as one line for a person."""
    number = getattr(problem, "errno", None)
    way_out = "choose another run_dir"
    if not isinstance(problem, OSError) or number in FULL:
        rule = f"a run needs room to write, and the disk of {path} is full"
        way_out = f"free some or {way_out}"
    elif number in FORBIDDEN:
        rule = f"a run needs a folder it may write to, and {path} is none ({os.strerror(number).lower()})"
    elif number in (errno.ENOTEMPTY, errno.EEXIST):
        rule = f"a run overwrites nothing, and {path} is there already"
    else:
        rule = f"a run needs a folder it can write to, and {path} cannot be written ({problem})"
    return RunError(f"{rule}: {way_out}")


def _is_full(problem: BaseException, staging: Path) -> bool:
    """Whether another library failed on a full disk: some repeat the system's words, torch says little."""
    if os.strerror(errno.ENOSPC) in str(problem):
        return True
    return isinstance(problem, RuntimeError) and staging.exists() and shutil.disk_usage(staging).free < 1 << 16


def _take_back(staging: Path, parents: list[Path]) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    for parent in parents:  # innermost first; one that someone else has used since stays
        with suppress(OSError):
            parent.rmdir()


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
