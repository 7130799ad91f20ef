"""A pretend accelerator: a device made of CPU memory that behaves towards the CPU as a CUDA card does.

    torch.zeros(3, device="pretend") + torch.zeros(3)      refused, with CUDA's words
    with counted() as counts: ...                          counts.launches, counts.waits

Values are real: each tensor holds one on the CPU, and every operator runs there, so that loops which look at what they
computed go on as they would. It is torch's own hook for a device written in Python (PrivateUse1), which needs no
compiler. Placement (`rules`), launches and waits of the host are true to CUDA; kernels, autocast, streams and speed are
not tried. What launches is counted in operators, and some are several kernels: a lower bound.

`without_float64()` makes it refuse doubles as well, as Apple's MPS does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from tests.pretend.rules import is_cpu, kind_of, strangers, waits
from torch import Tensor
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretend"
aten = torch.ops.aten


class Mixed(RuntimeError):
    """Tensors of two devices met in an operator."""


class Counts:
    """Since `counted` began."""

    def __init__(self) -> None:
        self.by_operator: Counter[str] = Counter()
        self.by_reason: Counter[str] = Counter()

    @property
    def launches(self) -> int:
        return self.by_operator.total()

    @property
    def waits(self) -> int:
        """Times at which the host stands still until the device is done, copies from the host among them."""
        return self.by_reason.total()


class State:
    counts = Counts()
    has_float64 = True


class Pretend(Tensor):
    """`inner` holds the numbers."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Pretend:
        if inner.dtype == torch.float64 and not State.has_float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
        made: Pretend = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            device=f"{NAME}:0",
        )  # fmt: skip
        made.inner = inner
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretend({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(op, args, kwargs or {})

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, **options: Any) -> Any:
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() first.")

    def __array__(self, *options: Any) -> Any:
        return self.numpy()

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def untyped_storage(self) -> Any:  # by which safetensors knows what is shared
        return self.inner.untyped_storage()

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        return self.detach()

    @data.setter
    def data(self, other: Tensor) -> None:
        """Real ones take CPU memory without a word, and the next product falls over: sooner is better."""
        if not isinstance(other, Pretend):
            raise Mixed(f"a parameter on {self.device} was given memory of the {other.device}: copy_ into it")
        torch.Tensor.data.__set__(self, other)  # type: ignore[attr-defined]
        self.inner = other.inner


def run(op: Any, args: Any, kwargs: Any) -> Any:
    kind = kind_of(op)
    inner = [bare(one) for one in args]
    options = {name: bare(value) for name, value in kwargs.items()} if kwargs else kwargs
    if kind.may_be_mixed and (refused := strangers(op, args, kwargs, Pretend)):
        shapes = ", ".join(str(tuple(one.shape)) for one in refused)
        raise Mixed(
            f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and cpu! "
            f"({op}: {shapes})"
        )
    if kind.is_launched:
        State.counts.by_operator[kind.name] += 1
    if kind.may_wait and (reason := waits(op, args, kwargs, Pretend)):
        State.counts.by_reason[reason] += 1
    target = kwargs.get("device")
    if target is not None:
        options["device"] = torch.device("cpu")
    out = op(*inner, **options)
    if kind.writes:
        return same_objects(out, kind.written, args, kwargs)
    return out if target is not None and is_cpu(target) else dressed(out)


def bare(value: Any) -> Any:
    kind = type(value)
    if kind is Pretend:
        return value.inner
    if kind is list or kind is tuple:
        return [bare(one) for one in value]
    return value


def dressed(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Pretend(value)
    if isinstance(value, list | tuple):
        return type(value)(dressed(one) for one in value)
    return value


def same_objects(out: Any, written: tuple[int | str | None, ...], args: Any, kwargs: Any) -> Any:
    """What was written in place is the tensor that was given, and keeps its shape: torch holds that of the outer."""
    given = [None if at is None else args[at] if isinstance(at, int) else kwargs[at] for at in written]
    for one in given:
        if isinstance(one, Pretend) and one.shape != one.inner.shape:
            raise NotImplementedError(f"the pretend device cannot change a shape in place ({tuple(one.inner.shape)})")
    found = [
        dressed(value) if one is None else one
        for one, value in zip(given, out if len(written) > 1 else [out], strict=True)
    ]
    return found[0] if len(written) == 1 else tuple(found)


# --- what torch calls without a tensor of the device


def factory(op: Any) -> Any:
    def make(*args: Any, **kwargs: Any) -> Tensor:
        kind = kind_of(op)
        if kind.is_launched:
            State.counts.by_operator[kind.name] += 1
        kwargs = {**kwargs, "device": torch.device("cpu")}
        kwargs.pop("pin_memory", None)
        return Pretend(op(*args, **kwargs))

    return make


def copy_from(source: Tensor, into: Tensor, non_blocking: bool = False) -> Tensor:
    if isinstance(source, Pretend) is not isinstance(into, Pretend):
        State.counts.by_reason["to the host" if isinstance(source, Pretend) else "from the host"] += 1
    bare(into).copy_(bare(source))
    return into


class Module:
    """What torch asks of `torch.pretend`, and transformers of any device's module."""

    __name__ = "torch.pretend.cpu"  # for transformers, which would capture graphs elsewhere

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None: ...
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


LIBRARY = torch.library.Library("aten", "IMPL")  # as long as this lives, so do the kernels


def register() -> None:
    """Once for a process: there is no way back, and tensors of other devices notice nothing."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=Module())
    made = ("empty.memory_format", "empty_strided", "arange", "arange.start", "arange.start_step")
    for name in made:
        packet, _, overload = name.partition(".")
        LIBRARY.impl(name, factory(getattr(getattr(aten, packet), overload or "default")), "PrivateUse1")
    LIBRARY.impl("_copy_from", copy_from, "PrivateUse1")


@contextmanager
def pretending() -> Iterator[str]:
    """Models may be moved to the device, and gradients are found in this thread, where the kernels are."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        register()
    swapped = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with torch.autograd.set_multithreading_enabled(False):
            yield NAME
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swapped)


@contextmanager
def counted() -> Iterator[Counts]:
    before, State.counts = State.counts, Counts()
    try:
        yield State.counts
    finally:
        State.counts = before


@contextmanager
def without_float64() -> Iterator[None]:
    State.has_float64 = False
    try:
        yield
    finally:
        State.has_float64 = True
