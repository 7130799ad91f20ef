"""Arrays on the wire: dense bytes, or the rows of a sparse matrix (CSR), little-endian; and back.

    shape [3, 4], crow [0, 2, 2, 3], col [1, 3, 0], values [5, 6, 7]   ->   . 5 . 6
                                                                            . . . .
                                                                            7 . . .

The cells in between are 0. A shape says how much memory it means, so it is believed only after the bytes agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from straw.engines.tenants.records import Array
from straw.server.wire import messages
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest, quoted

DTYPES = {messages.FLOAT32: "<f4", messages.INT64: "<i8", messages.INT32: "<i4", messages.BFLOAT16: "<u2"}


@dataclass(frozen=True, slots=True)
class Csr:
    """Which cells of a matrix of `shape` are there."""

    shape: tuple[int, int]
    crow: Array  # int64 [rows + 1], where each row's cells begin
    col: Array  # int64, one for each cell

    def check(self, name: str) -> None:
        rows, width = self.shape
        if len(self.crow) != rows + 1 or self.crow[0] != 0 or self.crow[-1] != len(self.col):
            raise BadRequest(
                f"{name}: crow_indices of {rows} rows are {rows + 1} numbers from 0 to the number of cells, "
                f"{len(self.col)}, got {len(self.crow)} that do not fit: encode the array again"
            )
        if (np.diff(self.crow) < 0).any() or ((self.col < 0) | (self.col >= width)).any():
            raise BadRequest(
                f"{name}: crow_indices never fall and col_indices are columns of the shape, 0 to {width - 1}, "
                "and these are not: encode the array again"
            )
        same_row = np.diff(self.rows()) == 0
        if (np.diff(self.col)[same_row] <= 0).any():
            raise BadRequest(f"{name}: a row's col_indices rise, each once, and these do not: encode the array again")

    def rows(self) -> Array:
        return np.repeat(np.arange(self.shape[0]), np.diff(self.crow))

    def dense(self, values: Array, fill: int = 0) -> Array:
        found = np.full(self.shape, fill, values.dtype)
        found[self.rows(), self.col] = values
        return found

    def listed(self, dense: Array) -> Array:
        return dense[self.rows(), self.col]


def read_tensor(tensor: Any, name: str, length: int, limits: Limits) -> Array:
    """One or two dimensions, the first of them `length`; floats as float32, whole numbers as int64."""
    kind = DTYPES.get(tensor.dtype)
    if kind is None:
        raise BadRequest(f"{name}: dtype is float32, int64, int32 or bfloat16, got number {tensor.dtype}: send one")
    encoding = tensor.WhichOneof("encoding")
    if encoding is None:
        raise BadRequest(f"{name}: a tensor is dense or sparse_csr, got neither: send its bytes")
    shape = shape_of(tensor, name, length, limits, np.dtype(kind).itemsize)
    if encoding == "dense":
        found = from_bytes(tensor.dense, kind, name, "dense")
        if found.size != np.prod(shape):
            raise BadRequest(
                f"{name}: {shape_text(shape)} has {np.prod(shape)} numbers, got {found.size}: send them all"
            )
        return as_public(found.reshape(shape), tensor.dtype)
    if len(shape) != 2:
        raise BadRequest(f"{name}: a sparse tensor has two dimensions, got {shape_text(shape)}: send it dense")
    sparse = tensor.sparse_csr
    crow, col = (from_bytes(one, "<i8", name, "indices") for one in (sparse.crow_indices, sparse.col_indices))
    values = from_bytes(sparse.values, kind, name, "values")
    csr = Csr((shape[0], shape[1]), crow, col)
    csr.check(name)
    if len(values) != len(col):
        raise BadRequest(f"{name}: a sparse tensor has a value for each of its {len(col)} cells, got {len(values)}")
    return as_public(csr.dense(values), tensor.dtype)


def shape_of(tensor: Any, name: str, length: int, limits: Limits, itemsize: int) -> tuple[int, ...]:
    """Its shape as it says; as many as there are where it says nothing."""
    said = tuple(tensor.shape[:3])
    shape = said or (len(tensor.dense) // itemsize,)
    if len(tensor.shape) > 2 or shape[0] != length or min(shape) < 1:
        raise BadRequest(
            f"{name}: has a row for each of the datum's {length} tokens, [{length}] or [{length}, K], got the shape "
            f"{shape_text(shape)}{' ...' if len(tensor.shape) > 3 else ''}: send as many as there are tokens"
        )
    if len(shape) == 2:
        limits.at_most("target_width", shape[1], f"columns of {name}")
        limits.at_most("dense_cells", shape[0] * shape[1], f"cells of {name}, once it is dense")
    return shape


def from_bytes(data: bytes, kind: str, name: str, part: str) -> Array:
    size = np.dtype(kind).itemsize
    if len(data) % size:
        raise BadRequest(f"{name}: {part} are numbers of {size} bytes each, got {len(data)} bytes: send whole ones")
    return np.frombuffer(data, kind)


def as_public(found: Array, dtype: int) -> Array:
    if dtype == messages.BFLOAT16:  # the upper half of a float32
        return (found.astype("<u4") << 16).view("<f4")
    return found.astype("<f4" if dtype == messages.FLOAT32 else "<i8", copy=True)


def shape_text(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(quoted, shape)) + "]"


def float32(array: Any) -> bytes:
    return np.ascontiguousarray(array, "<f4").tobytes()


def int32(array: Any) -> bytes:
    return np.ascontiguousarray(array, "<i4").tobytes()


def int64(array: Any) -> bytes:
    return np.ascontiguousarray(array, "<i8").tobytes()
