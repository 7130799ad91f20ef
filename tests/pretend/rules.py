"""What CUDA allows and what it costs, operator by operator: the rules that the pretend device keeps.

    strangers(op, args, kwargs)   the CPU tensors in a call that CUDA would refuse beside its own
    waits(op, args, kwargs)       why the host would wait for the device in this call; None where it would not

A tensor of another device is welcome in a copy, as the indices of an indexing, and as one scalar of a pointwise
operator (TensorIterator counts: one, never what is written to). Kernels that were written by hand take none: products,
sums, cat, gather, index_add, searchsorted, embedding, the fused optimisers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
Args, Kwargs = Sequence[Any], Mapping[str, Any]

MOVES = {aten.copy_.default, aten._to_copy.default, aten._copy_from.default, aten._foreach_copy_.default}
READS_BY_INDEX = {aten.index.Tensor, aten._unsafe_index.Tensor}
WRITES_BY_INDEX = {aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}
SCALAR_VALUE = {aten.masked_fill.Tensor, aten.masked_fill_.Tensor, aten.fill.Tensor, aten.fill_.Tensor}
ANSWERS = {  # their result, or its size, is known to the host
    aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default,
    aten.unique_dim.default, aten._unique2.default, aten.unique_consecutive.default, aten.is_nonzero.default,
}  # fmt: skip
NO_KERNEL = {  # they say how large something is, and compute nothing
    aten.empty.memory_format, aten.empty_strided.default, aten.empty_like.default, aten.new_empty.default,
    aten.new_empty_strided.default, aten.lift_fresh.default, aten._local_scalar_dense.default,
    aten._unsafe_view.default,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What an operator's schema says, looked up once."""

    name: str
    is_launched: bool
    is_pointwise: bool
    may_be_mixed: bool  # whether it takes two tensors or more
    may_wait: bool
    written: tuple[int | str | None, ...]  # for each thing returned: the argument that it is, by place or by name
    writes: bool


@cache
def kind_of(op: Any) -> Kind:
    schema = op._schema
    written: list[int | str | None] = []
    for one in schema.returns:
        same = [
            argument.name if argument.kwarg_only else place
            for place, argument in enumerate(schema.arguments)
            if one.alias_info is not None
            and one.alias_info.is_write
            and argument.alias_info is not None
            and argument.alias_info.before_set & one.alias_info.before_set
        ]
        written.append(same[0] if same else None)
    is_view = any(one.alias_info is not None and not one.alias_info.is_write for one in schema.returns)
    types = [str(argument.type) for argument in schema.arguments]
    return Kind(
        name=schema.name.removeprefix("aten::"),
        is_launched=not is_view and op not in NO_KERNEL,
        is_pointwise=torch.Tag.pointwise in op.tags and types.count("Tensor") == 2,
        may_be_mixed=" ".join(types).count("Tensor") > 1 or any("List" in one and "Tensor" in one for one in types),
        may_wait=op in ANSWERS | MOVES | READS_BY_INDEX | WRITES_BY_INDEX | {aten.repeat_interleave.Tensor},
        written=tuple(written),
        writes=any(at is not None for at in written),
    )


def tensors_in(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def strangers(op: Any, args: Args, kwargs: Kwargs, own: type) -> list[Tensor]:
    """`own`: the class of the device's tensors, of which there is at least one."""
    foreign = [one for one in tensors_in((*args, *kwargs.values())) if not isinstance(one, own)]
    if not foreign or op in MOVES:
        return []
    if op in READS_BY_INDEX:
        return [] if isinstance(args[0], own) else [args[0]]
    if op in WRITES_BY_INDEX:
        into, values = args[0], args[2]
        fits = isinstance(into, own) and (isinstance(values, own) or values.dim() == 0)
        return [] if fits else [one for one in (into, values) if not isinstance(one, own)]
    if op in SCALAR_VALUE:
        return [one for one in foreign if one is not args[-1] or one.dim()]
    if op is aten.where.self:
        return [one for one in foreign if one is args[0] or one.dim()]
    is_written = [args[at] for at in kind_of(op).written if isinstance(at, int)]
    if kind_of(op).is_pointwise and len(foreign) == 1 and not any(one is foreign[0] for one in is_written):
        return [one for one in foreign if one.dim()]
    return foreign


def waits(op: Any, args: Args, kwargs: Kwargs, own: type) -> str | None:
    if op in ANSWERS:
        return op._schema.name.removeprefix("aten::").lstrip("_")
    if op is aten._to_copy.default and is_cpu(kwargs.get("device")):
        return "to the host"
    if op is aten.copy_.default and isinstance(args[0], own) is not isinstance(args[1], own):
        return "from the host" if isinstance(args[0], own) else "to the host"
    if op in READS_BY_INDEX or op in WRITES_BY_INDEX:
        if any(one is not None and one.dtype in (torch.bool, torch.uint8) for one in args[1]):
            return "boolean index"
        if any(one is not None and not isinstance(one, own) for one in args[1]):
            return "from the host"
    if op is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None:
        return "repeat_interleave"
    return None


def is_cpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cpu"
