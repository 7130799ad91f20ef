"""Rows that a program holds, as a file that a page can name: a list of dicts, or a data set of `datasets`.

    load_page(None, {"task": "data", "path": name_of(kept_rows(rows))})        path = "rows:HASH"

The file lies in straw's cache under the hash of what it holds, so that a run goes on with the rows that it began with;
the run's folder has a copy (`runs.kept_data`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from straw.cache_dir import rows_file
from straw.errors import DataError
from straw.files import make_folders
from straw.tasks.word_problems.tasks import plain_value


def kept_rows(rows: Iterable[Any]) -> Path:
    """Every row as a line of JSON; what JSON cannot say is written as text."""
    lines = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is to be a dict of columns, got {type(row).__name__}")
        lines.append(json.dumps(plain_value(row), ensure_ascii=False))
    if not lines:
        raise DataError("a data set has at least one row, and this one has none")
    text = "\n".join([*lines, ""])
    path = rows_file(blake2b(text.encode(), digest_size=12).hexdigest())
    if not path.is_file():
        make_folders(path.parent)
        new = path.with_suffix(f".{os.getpid()}.tmp")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    return path


def name_of(path: Path) -> str:
    """As a page spells it: the same in every cache."""
    return f"rows:{path.stem}"
