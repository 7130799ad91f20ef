"""Files that somebody else may have put there: opened without a trap, read to a limit, parsed without a fall.

    open_file(path)           a regular file and no link, or an OSError that says what it is instead
    read_file(path, most)     all of it, if that is no more than `most` bytes
    parse_json, parse_toml    values nested at most a hundred deep, or a ValueError

A folder of runs or models comes by mail or from a shared disk. A named pipe in it would wait for ever, a link would
lead a writer elsewhere, a sparse file would fill the memory, and JSON a hundred thousand brackets deep ends a parser.
Whoever opens a file here gets an OSError or a ValueError for each of these, and tells it in the words of his room.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
MODE, FOLDER_MODE = 0o664, 0o775  # less what the umask takes away: nobody else may write, whatever it leaves
DEEPEST = 100  # brackets in brackets: no record of ours has ten
MOST_DOTS = 200  # in a line of TOML: Python's reader takes a minute for a key of 65,000 parts
PAGE = 256 * KIB  # of TOML; ours have 3


def open_file(path: Path | str, flags: int = os.O_RDONLY, *, mode: int = MODE, follow: bool = False) -> int:
    """A descriptor of a regular file. `follow`: a link will do, since a person named it."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW), mode)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, and leads elsewhere", str(path)) from None
        raise
    except ValueError:  # a null character, or half of one that no encoding has
        raise OSError(errno.EINVAL, "no file can have such a name", str(path)) from None
    try:
        check_is_regular(descriptor, path, is_written=flags & os.O_ACCMODE != os.O_RDONLY)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_is_regular(descriptor: int, path: Path | str, *, is_written: bool) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if is_written and found.st_nlink > 1:
        raise OSError(errno.EMLINK, "it has another name too, and what is written here would stand there", str(path))


def reading(path: Path | str, *, follow: bool = False) -> BinaryIO:
    """The same as a file of bytes."""
    return os.fdopen(open_file(path, follow=follow), "rb")


def read_file(path: Path | str, most: int, *, follow: bool = False) -> bytes:
    """All of a file, unless it is larger than a file of its kind can be."""
    with reading(path, follow=follow) as file:
        check_size(file, path, most)
        return file.read(most)


def check_size(file: BinaryIO, path: Path | str, most: int) -> None:
    if (size := os.fstat(file.fileno()).st_size) > most:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, and at most {most:,} are read", str(path))


def lines_of(file: BinaryIO, most: int) -> Iterator[bytes]:
    """The lines of a file; the last one may lack its end. OSError for one that is longer than `most` bytes."""
    while line := file.readline(most + 1):
        if len(line) > most:
            raise OSError(errno.EFBIG, f"it has a line of more than {most:,} bytes")
        yield line


def is_file(path: Path | str) -> bool:
    """Whether a regular file, and no link to one, has this name."""
    return is_kind(path, stat.S_ISREG)


def is_folder(path: Path | str) -> bool:
    """Whether a folder, and no link to one, has this name."""
    return is_kind(path, stat.S_ISDIR)


def is_kind(path: Path | str, kind: Any) -> bool:
    try:
        return bool(kind(os.lstat(path).st_mode))
    except (OSError, ValueError):
        return False


def took_lock(descriptor: int) -> bool | None:
    """Whether the lock of an open file or folder is ours now; None where its file system keeps no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # ENOLCK, ENOSYS, EOPNOTSUPP: nobody can be told apart there
        return None
    return True


def close_to_others(path: Path) -> None:
    """Take away the right of everybody to write to it, if there is such a right."""
    found = os.lstat(path)
    if found.st_mode & stat.S_IWOTH and not stat.S_ISLNK(found.st_mode):
        os.chmod(path, stat.S_IMODE(found.st_mode) & ~stat.S_IWOTH)


def make_folders(path: Path) -> None:
    """The folder and those above it, none of which everybody may write to."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(FOLDER_MODE, exist_ok=True)


# --- what stands in them


def parse_json(data: str | bytes) -> Any:
    """json.loads, whose every complaint is a ValueError."""
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None
    opened = data.count("[") + data.count("{") if isinstance(data, str) else data.count(b"[") + data.count(b"{")
    if opened > DEEPEST:
        check_depth(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """tomllib.loads, whose every complaint is a ValueError, in time that grows with the text."""
    if len(text) > PAGE:
        raise ValueError(f"it has {len(text):,} characters, and a page has at most {PAGE:,}")
    if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise ValueError(f"it has a line with more than {MOST_DOTS} dots")
    try:
        value = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """What is deeper would end whoever walks through it later: a printer, a comparison, a copy."""
    level, deep = [value], 0
    while level:
        deep += 1
        if deep > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        level = [inner for outer in level for inner in inside(outer)]


def inside(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in found if isinstance(one, dict | list)]
