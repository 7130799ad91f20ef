"""The code from outside that a run used, kept in its folder: code/NAME-HASH.py, and code/files.json with its spellings.

Of an object that a program handed in (python:NAME) the source is kept in the same way, to be read and compared.
A run goes on with what it began with, whatever lies under that name now. The copies are no more trusted than the page
that names them: see `outside`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from straw import outside
from straw.errors import RunError
from straw.files import MIB, is_folder, parse_json, read_file
from straw.outside import FILE, HANDED, Source

CODE, INDEX = "code", "files.json"
HASH = re.compile(r"[0-9a-f]{16}")


def names_in(values: Iterable[Any]) -> Iterator[str]:
    """Every file of code that these values of a page name, and every object that was handed in."""
    for value in values:
        for text in value if isinstance(value, list | tuple) else [value]:
            name = outside.code_in(text) if isinstance(text, str) else None
            if name is not None and (found := FILE.fullmatch(name)):
                yield found["file"]
            elif name is not None and HANDED.fullmatch(name):
                yield name


def files_of(page: Any) -> dict[str, Source]:
    """The files that a page names, as they were run."""
    values = [value for section in vars(page).values() for value in vars(section).values()]
    return {file: as_run(file) for file in dict.fromkeys(names_in(values))}


def as_run(file: str) -> Source:
    return outside.loaded.get(file) or outside.source_of(file)


def copy_name(source: Source) -> str:
    return name_of(source.file, source.hash)


def name_of(spelling: str, hash: str) -> str:
    """Of a file its own name, of an object that of its kind: python:pay lies in pay-HASH.py."""
    return f"{Path(outside.short(spelling)).stem}-{hash}.py"


def keep_code(sources: Mapping[str, Source], folder: Path) -> None:
    """Write them into a folder that a run is made in."""
    if not sources:
        return
    (folder / CODE).mkdir()
    for source in sources.values():
        (folder / CODE / copy_name(source)).write_bytes(source.text)
    (folder / CODE / INDEX).write_text(json.dumps({file: source.hash for file, source in sources.items()}))


def kept_code(folder: Path) -> dict[str, bytes]:
    """By spelling. A copy that is not what its name says is refused."""
    if not is_folder(folder / CODE):
        return {}
    try:
        index = parse_json(read_file(folder / CODE / INDEX, MIB))
        found = {file: copy_of(folder, file, hash) for file, hash in index.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise RunError(f"the code that {folder} used cannot be read ({error}): begin another run") from error
    for file, source in found.items():
        if source.hash != index[file]:
            raise RunError(f"{folder / CODE / copy_name(source)} was changed since the run began: begin another run")
    return {file: source.text for file, source in found.items()}


def copy_of(folder: Path, file: str, hash: str) -> Source:
    if not HASH.fullmatch(hash):
        raise ValueError(f"{hash!r:.40} is no hash")
    return Source(file, read_file(folder / CODE / name_of(file, hash), outside.MOST))
