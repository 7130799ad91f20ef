"""The files of a memory in a checkpoint: the newest part of it, and older ones that checkpoints share.

    step-000100/memory.safetensors           all of it
    step-000200/memory-000001.safetensors    the file above, by another name
    step-000200/memory.safetensors           what changed since
    step-000400/memory.safetensors           all of it again, since the parts were twice as much as the first

A file of many names lies on the disk once, and is there until the last of them is removed. So every checkpoint is whole
by itself, and costs what is new in it. The price: what damages a shared file damages every checkpoint that has it. No
writer of ours opens a file of many names (`straw.files`). Where a disk knows no second name the file is copied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from straw.files import is_file

MEMORY = "memory.safetensors"
MOST_PARTS = 1000
Told = Callable[[], dict[str, Tensor]]


def write_memory(folder: Path, before: Path | None, whole: Told, changes: Told) -> None:
    """`before`: the checkpoint since which `changes` tells; None: there is none."""
    older = parts_of(before) if before is not None else []
    if not older or is_time_for_whole(older):
        save_file(whole(), folder / MEMORY)
        return
    for number, path in enumerate(older, 1):
        give_name(path, folder / f"memory-{number:06d}.safetensors")
    save_file(changes(), folder / MEMORY)


def read_memory(folder: Path) -> list[dict[str, Tensor]]:
    """Its parts, oldest first; an empty one where there is no memory."""
    return [load_file(path) for path in parts_of(folder)] or [{}]


def parts_of(folder: Path) -> list[Path]:
    paths = [*sorted(folder.glob("memory-[0-9]*.safetensors")), folder / MEMORY]
    return paths if is_file(paths[-1]) else []


def is_time_for_whole(parts: list[Path]) -> bool:
    """Twice as much as at first: so what is written in all, and read, stays within a few times what there is."""
    sizes = [path.stat().st_size for path in parts]
    return sum(sizes) >= 2 * sizes[0] or len(parts) >= MOST_PARTS


def give_name(path: Path, other: Path) -> None:
    try:
        os.link(path, other, follow_symlinks=False)
    except OSError:  # no second names here; a real fault comes again
        shutil.copyfile(path, other, follow_symlinks=False)
