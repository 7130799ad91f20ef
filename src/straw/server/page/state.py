"""What the page and /metrics show: filled by the server each time somebody looks, sent as JSON.

Counts only grow, and the page makes rates of them. Times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The base model. `names`: other names it answers to."""

    name: str
    arch: str
    num_parameters: int
    max_context_length: int | None = None
    vocabulary: int | None = None
    names: tuple[str, ...] = ()
    any_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Of a tenant's optimiser steps, one entry each; None where a step had none."""

    steps: tuple[int, ...] = ()
    loss: tuple[float | None, ...] = ()  # per token
    reward: tuple[float | None, ...] = ()  # the mean advantage, where no reward is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A training model. `state`: training, waiting, idle, on disk, closed."""

    id: str
    owner: str = ""  # a short mark of whose key it is
    label: str = ""  # what the client calls its session or run
    rank: int = 0  # 0: all weights
    state: str = "idle"
    step: int = 0
    num_trained_tokens: int = 0
    num_waiting: int = 0  # requests
    last_request: float | None = None
    curve: Curve = field(default_factory=Curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """`export` is the line that makes a folder of it."""

    path: str  # tinker://RUN/weights/NAME
    kind: str = "training"  # training, sampler, external
    time: float | None = None
    size_bytes: int | None = None
    expires: float | None = None
    export: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Since the server began."""

    sampled_tokens: int = 0
    prompt_tokens: int = 0
    trained_tokens: int = 0
    samples: int = 0
    steps: int = 0
    errors: int = 0
    replayed: int = 0
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """As it stands."""

    sessions: int = 0
    waiting: int = 0  # requests that are accepted and not begun
    writing: int = 0  # replies
    models_in_memory: int = 0
    models_on_disk: int = 0
    resident_bytes: int | None = None  # memory of the process
    journal_bytes: int | None = None
    store_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it. `connect`: lines to paste into a shell. `note`: what people should know, as a loss's stand-in."""

    served: Served
    version: str
    started: float
    time: float
    counts: Counts = field(default_factory=Counts)
    now: Now = field(default_factory=Now)
    tenants: tuple[Tenant, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    connect: tuple[str, ...] = ()
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
