"""Worker processes of this one, found by the name they gave themselves."""

from __future__ import annotations

import os
from pathlib import Path


def children(kind: str = "straw-") -> dict[int, str]:
    """Those that live, by process id; a name is cut to 15 characters by the system."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                name = (folder / "comm").read_text().strip()
            except (OSError, ValueError):
                continue
            if int(parent) == os.getpid() and state != "Z" and name.startswith(kind):
                found[int(folder.name)] = name
    return found
