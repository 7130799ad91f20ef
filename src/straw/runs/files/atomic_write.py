"""Files and folders that appear whole or not at all.

    write .name.CHANCE.tmp beside the goal  ->  fsync  ->  rename over the goal

A rename is one act of the file system, so a reader, or a run that continues after a kill, meets the
old thing, the new thing or nothing, never a half. Whatever fails on the way removes what it had
begun and says in one line what to do. A folder that is being written is locked, so that what a killed
process left can be told from what another one is writing, and removed.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from secrets import token_hex

from straw.errors import RunError
from straw.files import FOLDER_MODE, close_to_others, is_folder, make_folders, open_file, took_lock

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
PATIENCE = 100  # tries
NOT_OURS = (errno.EINVAL, errno.ELOOP, errno.EMLINK)


def staging_path(path: Path) -> Path:
    """Where a thing waits until it is whole: a hidden sibling, so that the rename stays on one disk.

    Nobody can have put something there before: chance ends its name.
    """
    return path.with_name(f".{path.name}.{token_hex(6)}.tmp")


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a file that is either the old one or the new one."""
    staging = staging_path(path)
    try:
        with os.fdopen(open_file(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
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
    with staged(path) as staging:
        yield staging
        _sync_tree(staging)
        os.replace(staging, path)
        _sync(path.parent)


@contextmanager
def whole_files(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Lend an empty folder to write files of these names into; when the block ends well they move into `folder`, each
    over what has its name there. Nothing else in `folder` is touched.
    """
    with staged(folder / names[0]) as staging:
        yield staging
        _sync_tree(staging)
        for name in names:
            os.replace(staging / name, folder / name)
        staging.rmdir()
        _sync(folder)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, gone again if the block fails, and what was made above it."""
    parents = [parent for parent in path.parents if not os.path.exists(parent)]
    staging, lock = staging_path(path), -1
    try:
        remove_abandoned(path.parent, path.name)
        make_folders(path.parent)
        staging, lock = begun(path)
        yield staging
    except BaseException as problem:
        plain = run_error(problem, path) if isinstance(problem, OSError) or _is_full(problem, staging) else None
        _take_back(staging, parents)
        if plain:
            raise plain from problem
        raise
    finally:
        if lock >= 0:
            os.close(lock)


def begun(path: Path) -> tuple[Path, int]:
    """An empty folder that waits to become `path`, and the descriptor that holds its lock.

    Somebody who cleans up just then may have taken it for abandoned, so another is begun.
    """
    for _ in range(PATIENCE):
        staging = staging_path(path)
        staging.mkdir(FOLDER_MODE)
        with suppress(FileNotFoundError):
            lock = open_folder(staging)
            if took_lock(lock) is not False and staging.exists():
                return staging, lock
            os.close(lock)
    raise OSError(errno.EAGAIN, "somebody takes it away again and again", str(path))


def open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def remove_abandoned(folder: Path, name: str | None = None) -> None:
    """Folders in `folder` that were to become `name` (None: anything) and that nobody writes any more."""
    for staging in folder.glob(f".{'*' if name is None else escape(name)}.*.tmp"):
        with suppress(OSError):
            lock = open_folder(staging)
            try:
                if took_lock(lock):
                    shutil.rmtree(staging, ignore_errors=True)
            finally:
                os.close(lock)


def remove_tree(folder: Path) -> None:
    """In one act, so that no half of it is met. A link is no folder and is left alone."""
    if is_folder(folder):
        staging = staging_path(folder)
        folder.rename(staging)
        shutil.rmtree(staging, ignore_errors=True)


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
    elif number in NOT_OURS:
        rule = f"a run writes to files of its own, and {path} is none: {problem.strerror}"
        way_out = f"remove it, or {way_out}"
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
    """What other libraries wrote may be open to everybody, if the umask lets them."""
    for path in (*folder.rglob("*"), folder):
        close_to_others(path)
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
