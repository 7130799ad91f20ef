"""A memory that was kept in parts: all of it once, then what changed of it, oldest first.

    a store      keys, sums, counts and values of some questions, with `slots`, where they lie; without slots, of all
    questions    vectors of some, with `new`, their hashes; without `new`, of all

So a checkpoint of a large memory costs what is new in it. What is small stands whole in every part, and that of the
newest one counts. A row is that of the newest part which has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays


def joined_store(parts: Sequence[Arrays]) -> dict[str, Tensor]:
    """As `MemoryStore.arrays` would have kept it at once."""
    small = {name: array for name, array in parts[-1].items() if name != "slots"}
    slots = torch.cat([part.get("slots", torch.arange(len(part["counts"]))) for part in parts])
    rows = torch.full((len(small["hashes"]),), -1)
    for place, slot in enumerate(slots.tolist()):
        rows[slot] = place
    if bool((rows < 0).any()):
        raise ValueError("a part of the memory is missing")
    wide = {name: torch.cat([part[name] for part in parts])[rows] for name in ("keys", "sums", "counts")}
    ends = torch.cat([part["counts"] for part in parts]).cumsum(0)[rows]
    values = torch.cat([part["values"] for part in parts])
    return small | wide | {"values": values[ranges(ends - wide["counts"], wide["counts"])]}


def ranges(starts: Tensor, counts: Tensor) -> Tensor:
    """starts[0], starts[0] + 1, ... counts[0] of them; then those of the next. Example: [5, 0], [2, 1] -> [5, 6, 0]"""
    before = counts.cumsum(0) - counts
    return torch.repeat_interleave(starts - before, counts) + torch.arange(int(counts.sum()))


def joined_questions(parts: Sequence[Arrays]) -> dict[str, Tensor]:
    """As they would have been kept at once, in the order of the newest part."""
    hashes = parts[-1]["hashes"]
    told = [row for part in parts for row in unpacked(part.get("new", part["hashes"]))]
    place = {row: number for number, row in enumerate(told)}
    vectors = [part["vectors"] for part in parts if len(part["vectors"])]
    rows = [place[row] for row in unpacked(hashes)]
    return {"hashes": hashes, "vectors": torch.cat(vectors)[rows] if vectors else parts[-1]["vectors"]}


def packed(hashes: Sequence[str]) -> Tensor:
    """One a row, of their bytes."""
    if not hashes:
        return torch.zeros(0, dtype=torch.uint8)
    return torch.frombuffer(bytearray().join(map(bytes.fromhex, hashes)), dtype=torch.uint8).view(len(hashes), -1)


def unpacked(hashes: Tensor) -> list[str]:
    return [row.hex() for row in map(bytes, hashes.numpy())]
