"""Where straw keeps what would be a pity to make twice: models, warm-ups, curves of the observer.

$STRAW_HOME  or  $XDG_CACHE_HOME/straw  or  ~/.cache/straw
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    if home := os.environ.get("STRAW_HOME"):
        return Path(home).expanduser()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches).expanduser() / "straw"
    return Path.home() / ".cache" / "straw"
