"""What goes over a link: JSON, in which tuples, bytes and a closed list of classes keep what they are. No pickle.

    (1, 2.5)                       {"t": [1, 2.5]}
    Reply((19,), (-0.1,), True)    {"c": "Reply", "f": [{"t": [19]}, {"t": [-0.1]}, true]}
    the memory of slot 0           {"m": "slot-0"}, and the other side finds its own memory of that name

Numbers arrive bit for bit: Python writes a float so that it reads back as the same. Who sends a class that is not on
the list, or fields that it does not have, is told so, and nothing is made.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch

from straw.config import Engine, Model, Page
from straw.engines.base import AdamParams, Loss, Reply, SamplingParams, TrainOutput
from straw.engines.monarch.generator import Append, Generate, Sampling, Talk, Version
from straw.engines.monarch.hosts.address import HERE
from straw.engines.monarch.memory.shared_memory import Handle, Place
from straw.engines.monarch.processes.silence import Patience
from straw.types import Datum

CLASSES: dict[str, type] = {
    one.__name__: one
    for one in (
        AdamParams, Append, Datum, Engine, Generate, Loss, Model, Patience, Place, Reply, Sampling, SamplingParams,
        Talk, TrainOutput, Version,
    )
}  # fmt: skip
PLAIN = (type(None), bool, int, float, str)
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (
    torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.int8, torch.uint8,
    torch.bool,
)}  # fmt: skip


class Unreadable(ValueError):
    """What came over the link is nothing that we send."""


class Values:
    """Both directions; `memory` names what both sides hold under a name of their own."""

    def __init__(self) -> None:
        self.handles: dict[str, Handle] = {}
        self.names: dict[str, str] = {}  # by path

    def know(self, name: str, handle: Handle) -> None:
        self.handles[name], self.names[handle.path] = handle, name

    def packed(self, value: Any) -> Any:
        kind = type(value)
        if kind in PLAIN:
            return value
        if kind is list:
            return [self.packed(one) for one in value]
        if isinstance(value, Handle):
            return {"m": self.names[value.path]}
        if isinstance(value, Page):  # what processes compute with; others may be of classes from outside
            return {"page": [self.packed(value.model), self.packed(alone(value.engine))]}
        if is_dataclass(value) and kind.__name__ in CLASSES:
            return {"c": kind.__name__, "f": [self.packed(getattr(value, item.name)) for item in fields(value)]}
        return self._packed_otherwise(value)

    def _packed_otherwise(self, value: Any) -> Any:
        if isinstance(value, tuple | range):
            return {"t": [self.packed(one) for one in value]}
        if isinstance(value, Mapping):
            return {"d": [[self.packed(key), self.packed(one)] for key, one in value.items()]}
        if isinstance(value, frozenset):
            return {"s": sorted(value)}
        if isinstance(value, bytes):
            return {"b": base64.b64encode(value).decode()}
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).removeprefix("torch.")}
        if isinstance(value, Path):
            return {"p": str(value)}
        raise TypeError(f"a {type(value).__name__} cannot go to another machine")

    def read(self, value: Any) -> Any:
        if type(value) is list:
            return [self.read(one) for one in value]
        if type(value) is not dict:
            return value
        try:
            return self._read(value)
        except Unreadable:
            raise
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Unreadable(f"{type(error).__name__}: {error}") from error

    def _read(self, value: dict[str, Any]) -> Any:
        kind = next(iter(value), "")
        inside = value[kind]
        if kind == "t":
            return tuple(self.read(one) for one in inside)
        if kind == "c":
            return self._made(CLASSES[inside], [self.read(one) for one in value["f"]])
        if kind == "d":
            return {self.read(key): self.read(one) for key, one in inside}
        if kind == "page":
            model, engine = (self.read(one) for one in inside)
            return Page(model=model, engine=engine)
        simple = {
            "m": self.handles.__getitem__, "s": frozenset, "b": base64.b64decode, "dtype": DTYPES.__getitem__, "p": Path
        }  # fmt: skip
        return simple[kind](inside)  # type: ignore[operator]

    def _made(self, kind: type, values: list[Any]) -> Any:
        names = [item.name for item in fields(kind)]
        return kind(**dict(zip(names, values, strict=True)))


def alone(engine: Engine) -> Engine:
    """Without what is for the directing process to know."""
    return replace(engine, hosts=(), certs=None, trainer_host=HERE)
