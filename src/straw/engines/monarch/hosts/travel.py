"""A folder of a checkpoint on its way between the trainer's machine and this one, file by file, in pieces."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any

from straw.errors import RunError
from straw.files import MIB

PIECE = MIB
Ask = Callable[..., Awaitable[tuple[Any, bytes]]]


async def fetch_folder(ask: Ask, there: Path, here: Path) -> None:
    files, _ = await ask("files", str(there))
    for name, size in files:
        target = inside(here, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for start in range(0, size, PIECE):
                _, piece = await ask("get", {"folder": str(there), "file": name, "start": start, "size": PIECE})
                await asyncio.to_thread(file.write, piece)


async def bring_folder(ask: Ask, here: Path, there: Path) -> None:
    for name, size in files_in(here):
        with (here / name).open("rb") as file:
            for _ in range(max(1, -(-size // PIECE))):
                await ask("put", {"folder": str(there), "file": name}, await asyncio.to_thread(file.read, PIECE))


def files_in(folder: Path) -> list[tuple[str, int]]:
    found = []
    for place, _, names in os.walk(folder):
        files = [Path(place, name) for name in names]
        found += [(file.relative_to(folder).as_posix(), file.stat().st_size) for file in files]
    return sorted(found)


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder, and nowhere else."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise RunError(f"a checkpoint has files in its own folder; got {name!r}")
    return folder.joinpath(*parts)
