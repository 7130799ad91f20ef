"""A file of JSON lines that only grows, and whose every finished line can be trusted.

    lines.append([{"step": 1, "loss": nan}])   writes   {"step":1,"loss":null}   and a newline

All records of one call go out in one write to a descriptor in append mode: a killed process leaves
at most one cut line at the end, which readers pass over and the next writer removes. JSON is strict
(it has no NaN), floats are written so that they read back equal, and text is ASCII with escapes, so
that no odd character can look like the end of a line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from straw.errors import RunError
from straw.files import GIB, MIB, check_size, lines_of, open_file, parse_json, reading
from straw.runs.files.atomic_write import run_error

Record = Mapping[str, object]
LONGEST = 64 * MIB  # of one line; the tokens of a long conversation take one
MOST = 64 * GIB  # of a file that is read line by line; whoever keeps all of it says less


class Lines:
    """The writing end of one file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = open_file(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._remove_cut_line()
        except OSError as problem:
            raise run_error(problem, path) from problem

    def append(self, records: Iterable[Record]) -> None:
        """Write all of the records, or none when the disk is full."""
        data = memoryview("".join([json_line(record) for record in records]).encode("ascii"))
        size = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as problem:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise run_error(problem, self.path) from problem

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def cut(self, size: int) -> None:
        """Take back what was written behind the first `size` bytes."""
        if self.size < size:
            raise RunError(f"{self.path} has {self.size:,} bytes and a checkpoint knows of {size:,}: lines are missing")
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as problem:
            raise run_error(problem, self.path) from problem

    def sync(self) -> None:
        """Return when the lines would outlive a power cut."""
        try:
            os.fsync(self._descriptor)
        except OSError as problem:
            raise run_error(problem, self.path) from problem

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _remove_cut_line(self, block: int = 1 << 16) -> None:
        end = size = os.fstat(self._descriptor).st_size
        while end:
            start = max(0, end - block)
            newline = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._descriptor, end)


def read_lines(path: Path, most: int = MOST) -> Iterator[dict[str, Any]]:
    """The finished lines of a file, one after the other; a line still being written is not there yet."""
    try:
        with reading(path) as file:
            check_size(file, path, most)
            for number, line in enumerate(lines_of(file, LONGEST), start=1):
                if line.endswith(b"\n"):
                    yield _parsed(line, number, path)
    except OSError as problem:
        raise RunError(f"a run folder holds {path.name}; cannot read {path}: {problem.strerror}") from problem


def json_line(record: Record) -> str:
    """One record as one line of strict JSON; NaN and infinities become null."""
    try:
        return _STRICT.encode(record) + "\n"
    except ValueError:  # found only here, so that the usual record is encoded once
        finite = json.loads(_LENIENT.encode(record), parse_constant=lambda _: None)
        return _STRICT.encode(finite) + "\n"


def _parsed(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        record = parse_json(line)
    except ValueError:
        record = None
    if isinstance(record, dict):
        return record
    raise RunError(f"every line of {path} is a JSON object, and line {number} is {line[:40]!r}: mend or remove it")


def _plain(value: object) -> object:
    """A read-only mapping as a dict, a number of numpy or torch as Python's."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a record holds plain JSON values; got {type(value).__name__}: {value!r}")


_STRICT = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_plain)
_LENIENT = json.JSONEncoder(allow_nan=True, separators=(",", ":"), default=_plain)
