"""What is asked is checked whole before anything is computed: whatever is wrong is one line for who asked.

    Examples, the loss's name, its settings   ->   Asked: a flat array per quantity, a cell for each target

A cell is one target: N for targets [N], N K for soft ones [N, K], row by row. Inputs of [N] beside soft targets count
for all K. Cells that cannot have a gradient are not `active`; see `losses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from straw.engines.tenants.records import Array, Example
from straw.engines.tenants.training.losses import HIGH, LOSSES, LOW, Loss
from straw.errors import ConfigError, did_you_mean

MASK = "sequence_ratio_mask"
INPUTS = ("weights", "logprobs", "advantages", LOW, HIGH, MASK)
TARGETS = "target_tokens"
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the model."""

    vocabulary: int
    targets: int  # rows of the head
    room: int | None  # the most tokens that it reads


@dataclass(frozen=True, slots=True)
class Asked:
    """`first[i]` is the first cell of example i; `places` are positions in it, `starts` the first that trains."""

    data: Sequence[Example]
    loss: Loss
    settings: dict[str, float]
    first: list[int]
    places: Integers
    targets: Integers
    active: Flags
    starts: list[int]
    inputs: dict[str, Floats] = field(default_factory=dict)

    def by_example(self, cells: Floats) -> list[Floats]:
        shapes = [example.inputs[TARGETS].shape for example in self.data]
        return [
            cells[begin:end].reshape(shape)
            for begin, end, shape in zip(self.first, self.first[1:], shapes, strict=False)
        ]


def check(data: Sequence[Example], name: str, settings: Mapping[str, float], limits: Limits) -> Asked:
    loss = loss_named(name)
    said = settings_of(name, loss, settings)
    if not data:
        raise ConfigError("forward_backward needs data, and got none: send at least one datum")
    for number, example in enumerate(data):
        check_example(f"datum {number}", example, name, loss, limits)
    targets = [example.inputs[TARGETS] for example in data]
    widths = [1 if target.ndim == 1 else target.shape[1] for target in targets]
    inputs = {key: np.concatenate([cells_of(e, key, default(key, said)) for e in data]) for key in INPUTS}
    drawn = (inputs["advantages"] != 0) | (inputs["logprobs"] != 0)
    inputs[MASK] = np.where(np.isnan(inputs[MASK]), drawn, inputs[MASK]).astype(np.float32)
    active, begun = active_cells(name, inputs, drawn)
    first = [0, *np.cumsum([target.size for target in targets]).tolist()]
    places = [np.repeat(np.arange(len(e.tokens)), width) for e, width in zip(data, widths, strict=True)]
    starts = [
        int(np.argmax(begun[a:b])) // width if begun[a:b].any() else e.num_tokens - 1
        for a, b, width, e in zip(first, first[1:], widths, data, strict=False)
    ]
    flat = np.concatenate([target.reshape(-1) for target in targets]).astype(np.int64)
    return Asked(data, loss, said, first, np.concatenate(places), flat, active, starts, inputs)


def active_cells(name: str, inputs: Mapping[str, Floats], drawn: Flags) -> tuple[Flags, Flags]:
    """Those that have a gradient or may have one; and those that say where a reply begins."""
    if name == "cross_entropy":
        active = inputs["weights"] != 0
        return active, active
    if name == "gspo":
        return drawn | (inputs[MASK] != 0), drawn
    return (np.ones_like(drawn) if name == "dro" else drawn), drawn


# --- names and numbers


def loss_named(name: str) -> Loss:
    if name == "stable_reinforce":
        raise ConfigError(
            "loss_fn is one whose formula is public, and that of stable_reinforce is not: write "
            "loss_fn=importance_sampling"
        )
    if name not in LOSSES:
        raise ConfigError(f"there is no loss_fn {name[:60]!r}: {did_you_mean(name[:60], LOSSES)}")
    return LOSSES[name]


def settings_of(name: str, loss: Loss, settings: Mapping[str, float]) -> dict[str, float]:
    for key, value in settings.items():
        if key not in loss.settings:
            hint = did_you_mean(key[:60], loss.settings) if loss.settings else "leave it out"
            raise ConfigError(f"loss_fn={name} has no setting {key[:60]!r}: {hint}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ConfigError(f"loss_fn={name} takes finite numbers; got {key}={str(value)[:60]}: write a number")
    both = {**loss.settings, **settings}
    if missing := [key for key, value in both.items() if value is None]:
        raise ConfigError(f"loss_fn={name} needs {missing[0]}, and it is not set: put it into loss_fn_config")
    said = {key: float(value) for key, value in both.items() if value is not None}
    if LOW in said and said[LOW] > said[HIGH]:
        raise ConfigError(f"a ratio is clipped to {LOW} <= {HIGH}; got {said[LOW]} and {said[HIGH]}: exchange them")
    return said


# --- a datum


def check_example(where: str, example: Example, name: str, loss: Loss, limits: Limits) -> None:
    check_tokens(where, example.tokens, limits)
    takes = (TARGETS, *loss.needs, *loss.may_have)
    for key in example.inputs:
        if key not in takes and (key not in INPUTS or key == "weights"):
            hint = "multiply them into the advantages" if key == "weights" else did_you_mean(key[:60], takes)
            raise ConfigError(f"{where}: loss_fn={name} takes no {key[:60]!r} ({hint})")
    for key in (TARGETS, *loss.needs):
        if key not in example.inputs:
            raise ConfigError(f"{where}: loss_fn={name} needs {', '.join((TARGETS, *loss.needs))}; {key} is missing")
    check_targets(where, example, limits)
    for key, values in example.inputs.items():
        if key != TARGETS:
            check_input(where, example, key, values)


def check_tokens(where: str, tokens: Sequence[int], limits: Limits) -> None:
    if not tokens:
        raise ConfigError(f"{where}: a model reads at least one token, and model_input is empty")
    if limits.room is not None and len(tokens) > limits.room:
        raise ConfigError(f"{where}: this model reads {limits.room} tokens; got {len(tokens)}: cut it shorter")
    low, high = min(tokens), max(tokens)
    if low < 0 or high >= limits.vocabulary:
        odd = low if low < 0 else high
        raise ConfigError(f"{where}: tokens are from 0 to {limits.vocabulary - 1}; got {odd}: use this tokenizer's")


def check_targets(where: str, example: Example, limits: Limits) -> None:
    targets, n = example.inputs[TARGETS], example.num_tokens
    if not isinstance(targets, np.ndarray) or not np.issubdtype(targets.dtype, np.integer):
        raise ConfigError(f"{where}: {TARGETS} are whole numbers; got {kind_of(targets)}: send int64")
    if targets.ndim not in (1, 2) or targets.shape[0] != n or targets.size == 0:
        raise ConfigError(f"{where}: {TARGETS} have one row for each of {n} tokens, [{n}] or [{n}, K]; got "
                          f"{list(targets.shape)}")  # fmt: skip
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= limits.targets:
        odd = low if low < 0 else high
        raise ConfigError(f"{where}: {TARGETS} are from 0 to {limits.targets - 1}; got {odd}: use this tokenizer's")


def check_input(where: str, example: Example, key: str, values: Array) -> None:
    shape, n = example.inputs[TARGETS].shape, example.num_tokens
    if not isinstance(values, np.ndarray) or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise ConfigError(f"{where}: {key} are numbers; got {kind_of(values)}: send float32")
    if values.shape not in (shape, (n,)):
        raise ConfigError(f"{where}: {key} have the shape of {TARGETS}, {list(shape)}; got {list(values.shape)}")
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(values.astype(np.float32)).all()
    if not is_finite:
        raise ConfigError(f"{where}: {key} are finite numbers; got NaN or infinity: see where it comes from")


def kind_of(values: Any) -> str:
    return str(getattr(values, "dtype", type(values).__name__))


def cells_of(example: Example, key: str, otherwise: float) -> Floats:
    """An input with a value for each cell."""
    shape = example.inputs[TARGETS].shape
    values = example.inputs.get(key)
    if values is None:
        return np.full(int(np.prod(shape)), otherwise, dtype=np.float32)
    if values.shape != shape:
        values = np.broadcast_to(values[:, None], shape)
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1)


def default(key: str, said: Mapping[str, float]) -> float:
    """weights 1; bounds as the settings have them; NaN for a mask that is yet to be found; else 0."""
    return {"weights": 1.0, MASK: nan}.get(key, said.get(key, 0.0))
