"""The arms that `memory_test.py` compares: what is paid or learned beside right and wrong, as options of a run.

Every arm has one coefficient with three values to try. That of `none`, which has nothing to weigh, is the learning
rate, and what suits `none` best all others take: whom they have to beat is who the rate was found for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
Options = dict[str, Any]
WEIGHTS = (0.1, 0.3, 1.0)
ENCODER = f"{HERE}/memory_encoder.py:minilm"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """`of`: the options of its coefficient; `options`: the others. `is_remedy`: ours, added to what was proposed."""

    name: str
    of: Callable[[float], Options]
    grid: tuple[float, ...] = WEIGHTS
    options: Options = field(default_factory=dict)
    is_remedy: bool = False

    def at(self, coefficient: float) -> Options:
        return {**self.options, **self.of(coefficient)}


def intrinsic(use_ir: str, **options: Any) -> Options:
    """Novelty is paid from the second pass on, where a memory has something to compare with."""
    encoder = {} if use_ir in ("surprise", "entropy", "repeats") else {"encoder": ENCODER, "embed": "response"}
    return {"use_ir": use_ir, "explore_warmup": 1, **encoder, **options}


def both(weight: float) -> Options:
    return {"exploit_weight": weight, "explore_weight": weight}


def novelty(weight: float) -> Options:
    return {"explore_weight": weight}


ARMS = (
    Arm(name="none", of=lambda rate: {"learning_rate": rate}, grid=(3.0, 10.0, 30.0)),
    Arm(name="knn", of=lambda weight: {"exploit_weight": weight}, options=intrinsic("knn")),
    Arm(
        name="knn+ as published", of=both,
        options=intrinsic("knn+", write_first=True, novelty="inside", explore_warmup=0, explore_warmup_keys=4),
    ),
    Arm(name="knn+ behind the centring", of=both, options=intrinsic("knn+", novelty="outside")),
    Arm(name="elliptical", of=novelty, options=intrinsic("elliptical", novelty="inside")),
    Arm(name="extra", of=novelty, options=intrinsic("extra")),
    Arm(name="entropy bonus", of=lambda weight: {"entropy_coef": weight}, grid=(0.003, 0.01, 0.03)),
    Arm(name="surprise", of=novelty, options=intrinsic("surprise", novelty="inside")),
    Arm(name="cosine", of=lambda weight: {"cosine": weight}),
    Arm(name="success buffer", of=lambda size: {"replay": int(size)}, grid=(1, 2, 4), is_remedy=True),
    Arm(
        name="knn, own question", of=lambda weight: {"exploit_weight": weight},
        options=intrinsic("knn", similarity_floor=0.9999), is_remedy=True,
    ),
    Arm(name="repeats blamed", of=novelty, options=intrinsic("repeats", explore_warmup=0), is_remedy=True),
)  # fmt: skip
