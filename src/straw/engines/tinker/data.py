"""A datum as the wire has it: tokens that are read, and arrays with a row for each of them.

    straw     prompt P tokens | tokens T          a weight for each of the T
    wire      P + T - 1 tokens are read           row P - 1 predicts the first of the T; the rows before it count 0

    cross_entropy          weights     = w                     soft targets: [rows, K] of tokens and of w * share
    importance_sampling    advantages  = w A in float32        the gradient has the bits of w and A one after the other
    ppo                    the same; clips become bounds of the ratio, 1 - clip_low and 1 + clip_high

A datum without the sampler's log-probabilities counts as drawn just now: its ratio is 1, and its gradient that of
cross_entropy with w A as weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from straw.types import Datum

Array = npt.NDArray[Any]
OF_THE_WIRE = ("cross_entropy", "importance_sampling", "ppo")


@dataclass(frozen=True, slots=True)
class Row:
    """What is read, and the arrays beside it."""

    tokens: tuple[int, ...]
    inputs: Mapping[str, Array]
    begin: int  # the row that predicts the first token behind the prompt

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)


def row_of(datum: Datum, **behind: Sequence[float] | Array) -> Row:
    """`behind`: float32 arrays by name, with one number for every token behind the prompt."""
    begin, length = len(datum.prompt) - 1, len(datum.prompt) + len(datum.tokens) - 1
    targets = np.zeros(length, dtype=np.int64)
    targets[begin:] = datum.tokens
    inputs: dict[str, Array] = {"target_tokens": targets}
    for name, values in behind.items():
        inputs[name] = np.zeros(length, dtype=np.float32)
        inputs[name][begin:] = values
    return Row((*datum.prompt, *datum.tokens[:-1]), inputs, begin)


def supervised_row(datum: Datum) -> Row:
    """For cross_entropy; with soft targets a place has as many of them as the one that has the most."""
    if datum.soft_targets is None:
        return row_of(datum, weights=datum.weights)
    begin, length = len(datum.prompt) - 1, len(datum.prompt) + len(datum.tokens) - 1
    shape = (length, max(map(len, datum.soft_targets)))
    targets, weights = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
    for place, (soft, weight) in enumerate(zip(datum.soft_targets, datum.weights, strict=True)):
        for column, (token, share) in enumerate(soft.items()):
            targets[begin + place, column], weights[begin + place, column] = token, weight * share
    return Row((*datum.prompt, *datum.tokens[:-1]), {"target_tokens": targets, "weights": weights}, begin)


def weighted_advantages(datum: Datum) -> Array:
    """In float32, as the local engine multiplies them."""
    weights = np.asarray(datum.weights, dtype=np.float32)
    advantages = np.asarray(datum.advantages or (0.0,) * len(datum.tokens), dtype=np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        return weights * advantages


def policy_row(datum: Datum) -> Row:
    """For importance_sampling and ppo."""
    return row_of(datum, advantages=weighted_advantages(datum), logprobs=datum.logprobs or (0.0,) * len(datum.tokens))


def imitating_row(datum: Datum) -> Row:
    """What counts as drawn just now, for cross_entropy."""
    return row_of(datum, weights=weighted_advantages(datum))


def bounds(settings: Mapping[str, float]) -> dict[str, float]:
    """Of the importance ratio."""
    return {
        "clip_low_threshold": 1 - settings["clip_low"],
        "clip_high_threshold": 1 + settings["clip_high"],
    }


def sent(tinker: Any, row: Row) -> Any:
    """The SDK's datum. The prompt is a chunk of its own, by which a server can tell what a group of replies shares.

    Arrays of two dimensions go as torch has them, and become sparse where that is smaller.
    """
    import torch

    chunks = [row.tokens[: row.begin + 1], row.tokens[row.begin + 1 :]]
    read = tinker.ModelInput(chunks=[tinker.EncodedTextChunk(tokens=list(one)) for one in chunks if one])
    inputs = {name: torch.from_numpy(array) if array.ndim == 2 else array for name, array in row.inputs.items()}
    return tinker.Datum(model_input=read, loss_fn_inputs=inputs)


def numbers(output: Any, name: str = "logprobs") -> Array:
    """One record of the wire as an array."""
    found = output[name]
    return np.asarray(found.to_numpy(), dtype=np.float32)


def logprobs_behind(datum: Datum, row: Row, found: Array) -> tuple[float, ...]:
    """For every token behind the prompt: 0 where the weight is 0; of soft targets their mean."""
    found = found[row.begin :]
    if datum.soft_targets is None or found.ndim == 1:
        return tuple(float(one) if weight else 0.0 for one, weight in zip(found, datum.weights, strict=True))
    means = []
    for place, (soft, weight) in enumerate(zip(datum.soft_targets, datum.weights, strict=True)):
        shares = np.fromiter(soft.values(), dtype=np.float64)
        means.append(float(shares @ found[place, : len(shares)].astype(np.float64)) if weight else 0.0)
    return tuple(means)
