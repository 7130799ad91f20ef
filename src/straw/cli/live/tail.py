"""The rows of a run that another process is writing, as they come: only what is new is read.

A run that goes on from a checkpoint takes lines back, and a folder may be made anew: where the file is shorter than
before, or another one, it is read from its beginning again. Of a long file only the end is read at first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from straw.files import MIB, parse_json, reading

FIRST = 16 * MIB  # of a file, from its end; about 30,000 rows of metrics
AT_ONCE = 64 * MIB  # that were written since the last look
MOST = 60_000  # rows that are kept


@dataclass(slots=True)
class Tail:
    """The complete lines of one file of JSON objects."""

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    place: int = 0  # bytes that were read
    inode: int = 0

    def read(self) -> list[dict[str, Any]]:
        """All rows so far. A line that is no JSON object is passed over; a missing file has none."""
        try:
            with reading(self.path) as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self.inode or found.st_size < self.place:
                    self.rows, self.inode = [], found.st_ino
                    self.place = max(0, found.st_size - FIRST)
                file.seek(self.place)
                data = file.read(AT_ONCE)
                is_cut = self.place > 0 and not self.rows
        except OSError:
            return self.rows
        whole = data[: data.rfind(b"\n") + 1]
        self.place += len(whole)
        lines = whole.splitlines()
        self.rows += [row for line in lines[1 if is_cut else 0 :] if (row := row_of(line)) is not None]
        self.rows = self.rows[-MOST:]
        return self.rows


def row_of(line: bytes) -> dict[str, Any] | None:
    try:
        row = parse_json(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
