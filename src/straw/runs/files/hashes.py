"""The SHA-256 of a file, read in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path

from straw.files import MIB, reading


def hashed(path: Path) -> str:
    """In 64 digits, or why there is none."""
    try:
        with reading(path) as file:
            digest = hashlib.sha256()
            while block := file.read(MIB):
                digest.update(block)
            return digest.hexdigest()
    except OSError as problem:
        return f"cannot be read ({problem.strerror})"
