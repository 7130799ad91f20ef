"""A checkpoint that every rank writes its rows of: the local engine's two files, byte for byte of the same form.

    weights.safetensors      length of a header, header (name, dtype, shape, where), numbers
    optimizer.safetensors    the same for both of Adam's moments, its step, and the policy version

One process lays the files out, then each writes its rows where they belong. So no process ever holds the whole, there
is nothing to put together, and whoever reads safetensors reads it: any number of ranks, each its rows alone, the local
engine, and programs of others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from straw.engines.local.models.folder import first_line
from straw.engines.local.training.checkpoints import OPTIMIZER, WEIGHTS, Adam
from straw.engines.ranks.rows import Share
from straw.errors import ConfigError, RunError
from straw.files import is_file

Shapes = Mapping[str, tuple[int, ...]]
TYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64"}
VERSION = "version"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor's numbers are in a file."""

    shape: tuple[int, ...]
    start: int
    num_bytes: int

    @property
    def row_bytes(self) -> int:
        return self.num_bytes // self.shape[0] if self.shape and self.shape[0] else self.num_bytes


def lay_out(path: Path, tensors: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]) -> None:
    """A file with room for these, in the order in which safetensors writes them."""
    header: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in sorted(tensors.items(), key=lambda one: (-one[1][0].itemsize, one[0])):
        size = dtype.itemsize * prod(shape)
        header[name] = {"dtype": TYPES[dtype], "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    with path.open("wb") as file:
        file.write(len(words).to_bytes(8, "little") + words)
        if end and hasattr(os, "posix_fallocate"):  # a disk that is full says so before anybody has written
            os.posix_fallocate(file.fileno(), 8 + len(words), end)
        file.truncate(8 + len(words) + end)


def places_in(path: Path) -> dict[str, Place]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    found = {}
    for name, one in header.items():
        start, end = one["data_offsets"]
        found[name] = Place(tuple(one["shape"]), 8 + length + start, end - start)
    return found


def write_rows(path: Path, share: Share, tensors: Mapping[str, Tensor]) -> None:
    """Into a file that is laid out; single numbers are written by the first rank."""
    places = places_in(path)
    descriptor = os.open(path, os.O_WRONLY)
    try:
        for name, tensor in tensors.items():
            place = places[name]
            if not place.shape and share.rank:
                continue
            first = share.of(place.shape[0]).start if place.shape else 0
            write_at(descriptor, tensor, place.start + first * place.row_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_at(descriptor: int, tensor: Tensor, start: int) -> None:
    left = memoryview(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]
    while len(left):
        written = os.pwrite(descriptor, left, start)
        start, left = start + written, left[written:]


def moments_of(trained: Mapping[str, nn.Parameter], adam: Adam) -> dict[str, Tensor]:
    """By the names under which a file has them."""
    return {f"{name}|{moment}": value for name, p in trained.items() for moment, value in adam.state.get(p, {}).items()}


def read_weights(folder: Path, shapes: Shapes, share: Share) -> dict[str, Tensor]:
    """The rows of one rank; `shapes`: of the whole tensors."""
    with opened(folder / WEIGHTS) as file:
        there = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        if there != dict(shapes):
            raise ConfigError(
                f"{folder / WEIGHTS} holds {len(there)} tensors of another model than the {len(shapes)} that train "
                "here: give the same model_name and lora_rank as the run that wrote it"
            )
        return {name: file.get_slice(name)[share.of(shape[0])] for name, shape in shapes.items()}


def read_adam(folder: Path, trained: Mapping[str, nn.Parameter], shapes: Shapes, share: Share) -> Adam:
    path = folder / OPTIMIZER
    state: dict[Tensor, dict[str, Tensor]] = {}
    with opened(path) as file:
        names = set(file.keys())
        for key in sorted(names - {VERSION}):
            name, _, moment = key.partition("|")
            shape = tuple(file.get_slice(key).get_shape())
            if name not in shapes or shape not in ((), tuple(shapes[name])):
                raise ConfigError(f"{path} is of another model ({key} does not fit): use another checkpoint")
            value = file.get_slice(key)[share.of(shape[0])] if shape else file.get_tensor(key)
            state.setdefault(trained[name], {})[moment] = value.to(trained[name].device)
        version = file.get_tensor(VERSION) if VERSION in names else torch.zeros(0)
    if len(version) != 2:
        raise ConfigError(f"{path} names no policy version: use another checkpoint")
    return Adam(state, int(version[0]), bool(version[1]))


def opened(path: Path) -> Any:
    """As the local engine says what is wrong with a file."""
    if not is_file(path):
        raise RunError(f"a checkpoint holds {path.name}; {path.parent} does not: name the folder of one checkpoint")
    try:
        return safe_open(path, "pt")
    except Exception as error:  # safetensors raises its own class for every kind of damage
        raise RunError(f"{path} is damaged ({first_line(error)}): use another checkpoint of the run") from error
