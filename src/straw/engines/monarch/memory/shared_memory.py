"""Named tensors in memory that several processes map: nobody copies, and nothing is left behind.

    shared = Shared.holding(weights)          one process writes
    weights = mapped(shared.handle)           others look at the same bytes

The memory is a file without a name (memfd): others open it through the process that made it, and the system
takes it back with the last process that maps it, also after a SIGKILL. Where there is none (macOS), it is a file in a
folder of its own, which only its owner may open.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

ALIGNED = 64  # bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    start: int

    @property
    def num_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Handle:
    """What another process needs to map the tensors."""

    path: str
    num_bytes: int
    places: dict[str, Place]
    inode: int = 0  # of the file: on another machine the path may lead to one of somebody else


class Shared:
    """The memory and the process that owns it; `close` gives it back."""

    def __init__(self, places: dict[str, Place]) -> None:
        size = max((place.start + place.num_bytes for place in places.values()), default=0) or ALIGNED
        self._folder: Path | None = None
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("straw", os.MFD_CLOEXEC)
            path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        else:
            self._folder = Path(tempfile.mkdtemp(prefix="straw-"))  # 0700
            path = str(self._folder / "weights")
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.truncate(self._descriptor, size)
        self.handle = Handle(path, size, places, os.fstat(self._descriptor).st_ino)
        self.tensors = mapped(self.handle)

    @classmethod
    def like(cls, tensors: Mapping[str, Tensor], halved: Collection[str] = ()) -> Shared:
        """Room for these, some of them in bfloat16."""
        return cls(places_of(tensors, halved))

    @classmethod
    def holding(cls, tensors: Mapping[str, Tensor]) -> Shared:
        """Their values, too."""
        shared = cls.like(tensors)
        shared.write(tensors)
        return shared

    @torch.no_grad()
    def write(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            self.tensors[name].copy_(tensor)

    def close(self) -> None:
        """Those who have mapped it keep it; nobody else can come to it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        if self._folder is not None:
            Path(self.handle.path).unlink(missing_ok=True)
            self._folder.rmdir()
            self._folder = None


def places_of(tensors: Mapping[str, Tensor], halved: Collection[str] = ()) -> dict[str, Place]:
    places: dict[str, Place] = {}
    end = 0
    for name, tensor in tensors.items():
        dtype = torch.bfloat16 if name in halved else tensor.dtype
        places[name] = Place(tuple(tensor.shape), dtype, end)
        end += -(-places[name].num_bytes // ALIGNED) * ALIGNED
    return places


def mapped(handle: Handle) -> dict[str, Tensor]:
    """Views of the shared bytes."""
    if handle.inode and Path(handle.path).stat().st_ino != handle.inode:
        raise RuntimeError(f"{handle.path} is not the memory that was meant: it lies on another machine")
    row = torch.from_file(handle.path, shared=True, size=handle.num_bytes, dtype=torch.uint8)
    return {
        name: row[place.start : place.start + place.num_bytes].view(place.dtype).view(place.shape)
        for name, place in handle.places.items()
    }


def bytes_behind(handle: Handle) -> memoryview:
    """The same memory as bytes, to be written or read."""
    row = torch.from_file(handle.path, shared=True, size=handle.num_bytes, dtype=torch.uint8)
    return memoryview(row.numpy())  # type: ignore[arg-type]
