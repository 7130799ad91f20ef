"""What the journal knows, as records."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from straw.engines.tenants.records import Shape


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to. `form`: json, proto (bytes of a message), error, or refused (it was never accepted)."""

    form: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """An accepted request; `id` is `place/seq`, so one that comes twice is the same."""

    id: str
    place: str  # a model, or a sampling session
    seq: int
    kind: str
    owner: str


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    owner: str
    opened: float
    seen: float
    finished: float | None
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """A training model. `floor`: numbers below it are used up; `state_seq`: its saved state lies behind that one."""

    id: str
    session: str
    owner: str
    base: str
    shape: Shape
    about: dict[str, Any]
    floor: int
    state_seq: int
    state: str | None
    asked: float
    closed: bool


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampling session. `weights` is a snapshot's name, None for the base; `folder` is where it lies."""

    id: str
    session: str
    owner: str
    base: str
    path: str | None
    model: str | None
    weights: str | None
    folder: str | None
    made: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a tinker:// path names. `kind` is weights, sampler_weights or external_weights."""

    path: str
    run: str
    kind: str
    name: str
    owner: str
    folder: str
    base: str
    shape: Shape
    made: float
    size: int
    public: bool
    expires: float | None
    about: dict[str, Any] | None


def shape_text(shape: Shape) -> str:
    return json.dumps(asdict(shape))


def shape_of(text: str) -> Shape:
    return Shape(**json.loads(text))


def session_of(row: tuple[Any, ...]) -> Session:
    return Session(*[*row[:5], json.loads(row[5])])


def model_of(row: tuple[Any, ...]) -> Model:
    return Model(*[*row[:4], shape_of(row[4]), json.loads(row[5]), *row[6:10], bool(row[10])])


def checkpoint_of(row: tuple[Any, ...]) -> Checkpoint:
    about = json.loads(row[12]) if row[12] else None
    return Checkpoint(*[*row[:7], shape_of(row[7]), row[8], row[9], bool(row[10]), row[11], about])
