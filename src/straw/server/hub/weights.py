"""The base model's weights as one safetensors file that lies nowhere: a header, and tensors as they are in memory.

8 bytes: the header's length     the header, JSON: {name: {dtype, shape, data_offsets}}     the tensors' bytes
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256

import torch
from torch import Tensor

NAME = "model.safetensors"
DTYPES = {
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
    torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
PIECE = 1 << 20
TOLD = 4096  # bytes of each tensor that tell one model from the next


def weights_of(tensors: Mapping[str, Tensor]) -> Weights | None:
    """None where a tensor is of a type that the file has no name for."""
    return Weights(tensors) if all(one.dtype in DTYPES for one in tensors.values()) else None


class Weights:
    """`size` in bytes; `tag` names what they hold."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = [tensors[name] for name in sorted(tensors)]
        self.head = header({name: tensors[name] for name in sorted(tensors)})
        self.size = len(self.head) + sum(one.nbytes for one in self.tensors)
        told = sha256(self.head)
        for one in self.tensors:
            told.update(raw(one.flatten()[: TOLD // one.element_size()]))
        self.tag = told.hexdigest()

    def pieces(self, first: int = 0) -> Iterator[bytes]:
        """From this byte to the end."""
        parts: list[bytes | Tensor] = [self.head, *self.tensors]
        for part in parts:
            length = len(part) if isinstance(part, bytes) else part.nbytes
            if first < length:
                data = part if isinstance(part, bytes) else raw(part)
                yield from (data[at : at + PIECE] for at in range(first, length, PIECE))
            first = max(0, first - length)


def header(tensors: Mapping[str, Tensor]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, one in tensors.items():
        begin, end = end, end + one.nbytes
        entries[name] = {"dtype": DTYPES[one.dtype], "shape": list(one.shape), "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)  # tensors begin where a reader can map them
    return len(text).to_bytes(8, "little") + text


def raw(tensor: Tensor) -> bytes:
    return tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
