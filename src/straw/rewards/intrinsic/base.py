"""What an intrinsic reward sees of a rollout, and what every one of them can do.

    raw(traces)      a number for each, on the scale of its own, from all that was written before
    write(traces)    remember them

A step is scored whole before any of it is written, so no reply is compared with itself or with its neighbours. One
embedding that is no finite number would stay in running sums and windows for good: such a trace has a `flaw`, and is
neither scored nor written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Raw = dict[str, list[float | None]]  # by name, one a trace; None where there was nothing to compare with
Arrays = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One rollout: its question, its text and both as unit vectors; one row a sentence where sentences count."""

    key: str  # the hash of the question's text
    question: Tensor
    text: str
    vectors: Tensor
    is_right: bool
    surprisal: float = 0.0  # nats a token, under the policy that wrote it

    @property
    def order(self) -> tuple[str, bool, str, float]:
        """A place that does not depend on where in its group a rollout stands."""
        return self.key, self.is_right, self.text, self.surprisal

    @property
    def flaw(self) -> str:
        """Why it can be neither scored nor remembered; empty where it can."""
        if not is_finite(self.question):
            return "the embedding of the question is not finite"
        if not is_finite(self.vectors):
            return "the embedding of the reply is not finite"
        return "" if math.isfinite(self.surprisal) else "the surprisal of the reply is not finite"


class Judge(Protocol):
    """A kind of intrinsic reward, with its memory."""

    names: tuple[str, ...]

    def raw(self, traces: Sequence[Trace]) -> Raw: ...
    def write(self, traces: Sequence[Trace]) -> None: ...
    def counts(self) -> dict[str, int]:
        """Metrics: how much is remembered."""

    def arrays(self) -> Arrays:
        """For the checkpoint."""

    def load(self, arrays: Arrays) -> None: ...


@runtime_checkable
class Growing(Protocol):
    """A judge whose memory is large: a checkpoint takes what is new in it, and shares the rest with the one before."""

    def changes(self) -> Arrays:
        """What is other than when all of it was `kept` last, and whatever is small."""

    def joined(self, parts: Sequence[Arrays]) -> Arrays:
        """As `arrays` would have said it at once: it was told whole, then by its changes."""

    def kept(self) -> None:
        """What was told last is safe."""


def is_finite(vectors: Tensor) -> bool:
    """Whether every vector has a length: numbers too large for products with each other have none."""
    return bool(vectors.norm(dim=-1).isfinite().all())


def are_sound(traces: Sequence[Trace]) -> bool:
    """Whether none has a flaw, by one look at all of them: one at a time they cost more than the scores."""
    if not traces:
        return True
    questions, vectors = torch.stack([one.question for one in traces]), torch.cat([one.vectors for one in traces])
    return is_finite(questions) and is_finite(vectors) and all(math.isfinite(one.surprisal) for one in traces)


def check_finite(arrays: Arrays) -> None:
    """For what comes out of a checkpoint."""
    broken = [name for name, array in arrays.items() if array.is_floating_point() and not array.isfinite().all()]
    if broken:
        raise ValueError(f"{', '.join(broken)} hold numbers that are not finite")
