"""The rows that a program handed in (path = "rows:HASH"), kept in the folder of the run that learned from them.

    data/HASH.jsonl      a copy of what lies in straw's cache, or goes back there where it is missing

HASH is that of the bytes, so a copy that was changed is refused, and no folder can put other rows under a known name.
"""

from __future__ import annotations

import re
import shutil
from hashlib import blake2b
from pathlib import Path

from straw.cache_dir import ROWS, rows_file
from straw.errors import RunError
from straw.files import GIB, PAGE, is_folder, read_file
from straw.runs.files.atomic_write import write_whole

DATA = "data"
MOST = 4 * GIB  # what is read of any file of data
NAMED = re.compile(f'"({ROWS.pattern})"')


def rows_in(config_toml: str) -> list[str]:
    """Every name of rows on a page."""
    return list(dict.fromkeys(found[0] for found in NAMED.findall(config_toml)))


def keep_rows(config_toml: str, folder: Path) -> None:
    """Copy what a page names into a folder that a run is made in."""
    for name in rows_in(config_toml):
        (folder / DATA).mkdir(exist_ok=True)
        shutil.copyfile(rows_file(name), folder / DATA / rows_file(name).name)


def restore_rows(folder: Path, config: str) -> None:
    """Back to the cache, from where a page reads them, what a run of another day or machine has kept."""
    config_toml = read_file(folder / config, PAGE).decode()
    for name in rows_in(config_toml):
        if rows_file(name).is_file() or not is_folder(folder / DATA):
            continue
        path = folder / DATA / rows_file(name).name
        try:
            data = read_file(path, MOST)
        except OSError as error:
            raise RunError(
                f"the data that {folder} learned from cannot be read ({error}): begin another run"
            ) from error
        if rows_hash(data) != path.stem:
            raise RunError(f"{path} was changed since the run began: begin another run")
        rows_file(name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(rows_file(name), data)


def rows_hash(data: bytes) -> str:
    return blake2b(data, digest_size=12).hexdigest()
