"""What a memory costs the checkpoints of a run: bytes and CPU-seconds of each save while it grows.

    python benchmarks/memory_saves.py                    to 100,000 questions, 4 answers each, a save every 1,000
    python benchmarks/memory_saves.py --keys 20000

    whole      all of it at every save, as it was before
    shared     what is new; the rest is in files of the checkpoint before (training/memory_files.py)

Vectors are random, of MiniLM's width. Sums of the files, which every checkpoint has, are in the time. The last save is
read back and compared with the memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch.nn.functional import normalize

from straw.rewards.intrinsic.memory_parts import joined_store
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.runs.checkpoints.weights import file_sums, place_of
from straw.training.memory_files import read_memory, write_memory

WIDTH, ANSWERS = 384, 4


class Side:
    """Checkpoints of one kind, of which the newest is kept."""

    def __init__(self, place: Path, *, shares: bool) -> None:
        self.place, self.shares = place, shares
        self.newest: Path | None = None
        self.sums: dict[tuple[int, int], int] = {}
        self.written: list[int] = []
        self.seconds: list[float] = []

    def save(self, store: MemoryStore, number: int) -> None:
        folder = self.place / f"{number:06d}"
        folder.mkdir(parents=True)
        began = time.process_time()
        write_memory(folder, self.newest if self.shares else None, store.arrays, store.changes)
        sums = file_sums(folder, self.sums)
        self.seconds.append(time.process_time() - began)
        self.written.append(sum(path.stat().st_size for path in folder.iterdir() if path.stat().st_nlink == 1))
        self.sums = {place_of(folder / name): total for name, total in sums.items()}
        older, self.newest = self.newest, folder
        for path in older.iterdir() if older else ():
            path.unlink()


def grow(store: MemoryStore, first: int, count: int, draw: torch.Generator) -> None:
    keys = normalize(torch.randn(count, WIDTH, generator=draw), dim=1)
    values = normalize(torch.randn(count, ANSWERS, WIDTH, generator=draw), dim=2)
    for number, (key, answers) in enumerate(zip(keys, values, strict=True), first):
        store.add(f"{number:032x}", key, answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=1_000, help="questions between two saves")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    store, draw = MemoryStore(WIDTH, asked.keys, 100), torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as place:
        whole, shared = Side(Path(place) / "whole", shares=False), Side(Path(place) / "shared", shares=True)
        for number, first in enumerate(track(range(0, asked.keys, asked.every), "growing", transient=True)):
            grow(store, first, asked.every, draw)
            whole.save(store, number)
            shared.save(store, number)
            store.kept()
        assert shared.newest is not None
        read, kept = joined_store(read_memory(shared.newest)), store.arrays()
        assert all(torch.equal(read[name], kept[name]) for name in kept), "what was kept is not what was told"
    table = Table("saves", "all, MB", "all, CPU-s", "largest, MB", "median, MB", "median, CPU-s")
    for name, side in (("whole", whole), ("shared", shared)):
        sizes, seconds = torch.tensor(side.written) / 1e6, torch.tensor(side.seconds)
        told = (sizes.sum(), seconds.sum(), sizes.max(), sizes.median(), seconds.median())
        table.add_row(name, *(f"{float(value):,.2f}" for value in told))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
