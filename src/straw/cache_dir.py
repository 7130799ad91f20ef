"""Where straw keeps what would be a pity to make twice: models, warm-ups, curves of the observer.

$STRAW_HOME  or  $XDG_CACHE_HOME/straw  or  ~/.cache/straw
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ROWS = re.compile(r"rows:([0-9a-f]{24})")  # how a page spells rows that a program handed in


def cache_folder() -> Path:
    if home := os.environ.get("STRAW_HOME"):
        return Path(home).expanduser()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches).expanduser() / "straw"
    return Path.home() / ".cache" / "straw"


def rows_file(name: str) -> Path:
    """Where rows that a program handed in lie: rows:HASH is data/HASH.jsonl, whoever's cache it is."""
    return cache_folder() / "data" / f"{name.removeprefix('rows:')}.jsonl"
