"""A file of JSON lines that grows, read as it grows: from where the last look ended, and no more than a bite at a time.

    tail = Tail(path)
    tail.look()          the records that were appended since, or none; `more` when there is more than a bite
    tail.generation      one higher when the file was cut or replaced, and everything begins again

A file that did not change costs one stat. A line that is still being written waits for its end; one that is no JSON
object, or is longer than any of ours, is counted and passed over. Links, pipes and the like are not opened at all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from straw.files import MIB, open_file, parse_json

BITE = 2 * MIB  # of one look
MARK = 128  # bytes
LONGEST = MIB  # of one line of metrics or events; ours have two thousand bytes


@dataclass(slots=True)
class Tail:
    """Where the reading of one file stands."""

    path: Path
    offset: int = 0
    generation: int = 0
    unreadable: int = 0  # lines
    more: bool = False
    problem: str = ""  # why the file cannot be read
    _seen: tuple[int, int, int, int] = (0, 0, -1, -1)  # device, inode, size, time of the last change
    _mark: bytes = b""  # the last bytes that were read: where others stand there now, the file is another
    _skipping: bool = field(default=False)  # inside a line that is too long

    @property
    def changed_at(self) -> float:
        """Seconds since 1970; 0 where nothing was read."""
        return max(self._seen[3], 0) / 1e9

    def look(self, most: int = BITE) -> list[dict[str, Any]]:
        """What is new. Raises nothing: what is wrong with the file is its `problem`."""
        try:
            found = os.lstat(self.path)
        except OSError as error:
            return self._failed(error.strerror or "it is not there")
        seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if seen == self._seen and not self.more:
            return []
        if self._seen[2] >= 0 and (seen[:2] != self._seen[:2] or seen[2] < self.offset):
            self._begin_again()
        self._seen, self.problem = seen, ""
        try:
            return self._read(most)
        except OSError as error:
            return self._failed(error.strerror or str(error))

    def _failed(self, problem: str) -> list[dict[str, Any]]:
        if self.offset:
            self._begin_again()
        self.problem, self.more, self._seen = problem, False, (0, 0, -1, -1)
        return []

    def begin_again(self) -> None:
        """Read all of it once more."""
        self._begin_again()
        self.more = True

    def _begin_again(self) -> None:
        self.offset, self.unreadable, self._skipping, self._mark = 0, 0, False, b""
        self.generation += 1

    def _read(self, most: int) -> list[dict[str, Any]]:
        descriptor = open_file(self.path)
        try:
            if self._mark and os.pread(descriptor, len(self._mark), self.offset - len(self._mark)) != self._mark:
                self._begin_again()
            data = os.pread(descriptor, most, self.offset)
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        end = data.rfind(b"\n") + 1
        if not end:
            end = self._too_long(data)
            self.offset, self._mark = self.offset + end, b"" if end else self._mark
            self.more = bool(end) and self.offset < size
            return []
        lines = data[: end - 1].split(b"\n")
        if self._skipping:
            self._skipping = False
            lines = lines[1:]
        self.offset, self._mark = self.offset + end, data[max(0, end - MARK) : end]
        self.more = self.offset < size and len(data) == most
        return [record for record in map(self._record, lines) if record is not None]

    def _too_long(self, data: bytes) -> int:
        """How much of an endless line is left behind; nothing of one that may still end."""
        if len(data) < LONGEST:
            return 0
        self.unreadable += not self._skipping
        self._skipping = True
        return len(data)

    def _record(self, line: bytes) -> dict[str, Any] | None:
        try:
            record = parse_json(line) if len(line) <= LONGEST else None
        except ValueError:
            record = None
        if isinstance(record, dict):
            return record
        self.unreadable += 1
        return None
